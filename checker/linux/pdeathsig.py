"""Programs that run as long as we do."""

from __future__ import annotations

import subprocess

WITH_US = ("setpriv", "--pdeathsig", "TERM")
TRIED_WITHIN_S = 5.0


def ending_with_us() -> tuple[str, ...]:
    """The words before a command by which it ends when we do, however that is; none where they do
    not work.

    In systemd's service they do not, as setpriv sets its capabilities anew, which our filter of
    system calls forbids; there the end of the service ends all of it. Nor does busybox's setpriv
    know them.
    """
    try:
        tried = subprocess.run(
            [*WITH_US, "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=TRIED_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return WITH_US if tried.returncode == 0 else ()
