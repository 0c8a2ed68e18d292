"""Show that sshd reads the keys by fingerprint, and no process of it has its old settings."""

from __future__ import annotations

import time
from collections.abc import Callable

from checker.config.layout import SYSTEM
from checker.doctor.login_facts import SHOWN, places
from checker.doctor.login_trial import UTC_SINCE, outcome, ssh
from checker.doctor.trial_key import trial_key
from checker.install.unit_files import KEYS_USER
from checker.model import CheckerError, printable
from checker.sshd.logins import Logins
from checker.sshd.openings import other_commands
from checker.sshd.program import MAIN, effective, version

TRIALS, AGAIN_AFTER_S = 5, 1.0
"""sshd reads its configuration again a moment after `systemctl reload` returns."""
LOOK_EVERY_S = 0.2
GRACE_S = 120.0
"""LoginGraceTime, if sshd does not say."""
REFUSED = 255
"""How ssh ends if it was not let in."""


def why_no_login(user: str, say: Callable[[str], None]) -> str:
    """Log in with a key that is only in the files by fingerprint, then wait until each login that
    began before that has ended or succeeded: such a process of sshd may still have the settings
    from before. Return why this failed; empty if it did not.
    """
    try:
        return why_unproven(user, say)
    except CheckerError as error:
        return str(error)


def why_unproven(user: str, say: Callable[[str], None]) -> str:
    """Raises CheckerError."""
    settings = effective(MAIN, user)
    place = next(iter(places(settings, ())))
    why = why_refused(user, place) or "; ".join(other_commands(MAIN, user, KEYS_USER))
    if why or have_ended(grace_s(settings.get("logingracetime", "")), say):
        return why
    return STILL_WAITING


STILL_WAITING = "connections from before wait for their login too long; run init again later"


def why_refused(user: str, place: str) -> str:
    """Try to log in; return why that failed last. Raises CheckerError."""
    known = version()
    is_utc = known is not None and known >= UTC_SINCE
    why = ""
    with trial_key(SYSTEM, is_utc=is_utc) as key:
        for _ in range(TRIALS):
            tried = outcome(ssh(key, SYSTEM, user, place), place, is_own=True, has_log=False)
            if tried.is_reached and tried.exit_status != REFUSED:
                return ""
            why = printable(tried.complaint or "it says nothing", SHOWN)
            time.sleep(AGAIN_AFTER_S)
    return why


def grace_s(text: str) -> float:
    """Return how long sshd waits for a login, in seconds; for 0, which is for ever, the default."""
    seconds = float(text) if text.isdecimal() else GRACE_S
    return seconds or GRACE_S


def have_ended(within_s: float, say: Callable[[str], None]) -> bool:
    """Wait until no connection is left that waits for its login now; return whether all have ended.

    If other users' processes are hidden, wait as long as a login may take.
    """
    logins = Logins()
    began = time.monotonic()
    first = logins.waiting()
    left = set(first or ())
    if left or first is None:
        say(f"waiting for {len(left) or 'all'} logins that began before, at most {within_s:.0f} s")
    while time.monotonic() - began < within_s + AGAIN_AFTER_S:
        if first is not None and not left:
            return True
        time.sleep(LOOK_EVERY_S)
        left &= set(logins.waiting() or ())
    return first is None or not left
