"""Runs a program in this process group, and ends the group when the starter says so or is gone.

`leashed` starts it as a file: the first argument is the descriptor of a pipe, the others are the
program.
"""

import os
import signal
import sys
import time

GRACE_S = 2.0
LEFT_ALONE = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGPIPE,
)


def watch(pipe: int) -> None:
    """Wait for `t` (terminate the group), `k` (kill it) or end-of-file (terminate, then kill)."""
    for number in LEFT_ALONE:
        signal.signal(number, signal.SIG_IGN)
    os.closerange(0, pipe)
    while (said := os.read(pipe, 1)) == b"t":
        os.killpg(0, signal.SIGTERM)
    if not said:
        os.killpg(0, signal.SIGTERM)
        time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Python ignores it, and exec keeps that
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    pipe = int(sys.argv[1])
    between = os.fork()
    if between == 0:
        if os.fork() == 0:  # a grandchild: the program must have no child that it did not start
            watch(pipe)
        os._exit(0)
    os.waitpid(between, 0)
    os.close(pipe)
    try:
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - without a shell is the point
    except OSError as error:
        print(f"{sys.argv[2]}: {error.strerror}", file=sys.stderr)
        os._exit(127)


if __name__ == "__main__":
    main()
