"""The forced command: hand a node's request to the daemon, and print the answer.

It runs on every request, as a file and without the site packages, so it imports only built-in
modules and nothing of ours. Without a daemon it becomes `stand_in.py`, which does the same work, as
far as it can, in its own process.
"""

import _socket
import posix
import sys

ACKNOWLEDGED_WITHIN_S = 3.0
"""If the daemon has not taken the request by then, do without it."""
CONNECTED_WITHIN = int(ACKNOWLEDGED_WITHIN_S).to_bytes(8, sys.byteorder) + bytes(8)
"""The same as a struct timeval of 64 bits."""
ANSWERED_WITHIN_S = 45.0
MOST_OF_A_REQUEST = 8192
"""Bytes: more than the daemon allows for a request, fewer than for a message."""


def ask(path: bytes, message: bytes) -> bytes:
    """Return the daemon's answer. Raises OSError."""
    peer = connected(path)
    peer.sendall(message)
    peer.shutdown(_socket.SHUT_WR)
    answer = peer.recv(1)
    peer.settimeout(ANSWERED_WITHIN_S)
    while True:
        part = peer.recv(65536)
        if not part:
            break
        answer += part
    if answer.count(b"\n") < 4:
        raise OSError("the daemon ended before it answered")
    return answer


def connected(path: bytes) -> _socket.socket:
    """Connect to the daemon, and wait while its queue is full. Raises OSError."""
    peer = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    folder = posix.open(
        path.rpartition(b"/")[0], posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC
    )
    if sys.maxsize > 2**32:  # else the size of a timeval depends on the C library
        # while the daemon's queue is full, connect(2) waits only on a socket that blocks
        peer.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, CONNECTED_WITHIN)
    else:
        peer.settimeout(ACKNOWLEDGED_WITHIN_S)
    # a socket's address has room for 107 bytes, and a home's path may be longer
    peer.connect(b"/proc/self/fd/%d/checker.sock" % folder)
    peer.settimeout(ACKNOWLEDGED_WITHIN_S)
    return peer


def become_stand_in(arguments: list[str]) -> None:
    """Run the program that works without a daemon, in this process."""
    folder, python = __file__.rpartition("/")[0], sys.executable
    try:
        posix.execv(python, [python, "-I", folder + "/stand_in.py", *arguments])
    except OSError:  # the interpreter was removed meanwhile
        posix.execv("/bin/sh", ["/bin/sh", folder + "/bare.sh", python, *arguments])


def main(arguments: list[str]) -> None:
    """Answer one request; `--home DIR` and `--key WHICH` may come before `--node NAME`."""
    words = [word.encode(sys.getfilesystemencoding(), "surrogateescape") for word in arguments]
    options = dict(zip(words[::2], words[1::2], strict=False))
    if len(words) % 2 or b"--node" not in options:
        posix.write(2, b"usage: gate.py [--home DIR] [--key WHICH] --node NAME\n")
        posix._exit(64)  # noqa: SLF001 - without `os` it has no other name
    home = options.get(b"--home", b"/run/reversi")
    key = (options[b"--key"],) if b"--key" in options else ()
    command = posix.environ.get(b"SSH_ORIGINAL_COMMAND", b"")[:MOST_OF_A_REQUEST]
    peer = b" ".join(posix.environ.get(b"SSH_CONNECTION", b"").split(b" ")[:2])
    try:
        answer = ask(
            home + b"/checker.sock", b"\0".join((b"gate", options[b"--node"], peer, command, *key))
        )
    except OSError:
        become_stand_in(arguments)
    _, status, text, complaint = answer.split(b"\n")[:4]
    if complaint:
        posix.write(2, b"reversi: " + complaint + b"\n")
    if b"\0" in text:  # `hold`: the answer is the command line of the beat loop
        words = text.split(b"\0")
        posix.execv(words[0], words)
    if text:  # nothing, if the gateway drains: clients take a number for seconds
        posix.write(1, text + b"\n")
    posix._exit(int(status))  # noqa: SLF001 - as above


if __name__ == "__main__":
    main(sys.argv[1:])
