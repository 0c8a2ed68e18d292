"""Command prefix that makes a child die with us."""

from __future__ import annotations

import subprocess

WITH_US = ("setpriv", "--pdeathsig", "TERM")
TRIED_WITHIN_S = 5.0


def ending_with_us() -> tuple[str, ...]:
    """Return the prefix; empty if it does not work here.

    In systemd's service it does not work: setpriv sets its capabilities again, which our system
    call filter forbids. There, all processes end with the service. Busybox's setpriv lacks the
    option.
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
