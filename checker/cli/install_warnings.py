"""What `init` warns about in sshd's settings: what keeps devices out, or drops them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from checker.sshd.lockdown import number
from checker.sshd.obstacles import pam_modules
from checker.sshd.openings import Judged


def sshd_warnings(found: Judged, user: str, startups: str) -> Iterator[str]:
    """Say what sshd's settings will do to the tunnels of this user. `startups`: MaxStartups as
    `init` sets it here.
    """
    for why in found.refusals:
        yield f"sshd rejects every key of {user}: {why}{mend(why)}"
    for why in found.limits:
        yield f"sshd rejects some addresses: {why}{mend(why)}"
    for module in pam_modules(found.effective):
        yield f"{module} may shut {user} out; afterwards, run: reversi-checker doctor --login"
    yield from startup_warnings(found.effective, startups)


def mend(why: str) -> str:
    """Say what `init` itself can do about it."""
    return "; or have it added: init --allow-login" if why.startswith("Allow") else ""


def startup_warnings(effective: Mapping[str, str], startups: str) -> Iterator[str]:
    is_so = effective.get("maxstartups", "")
    if not is_so:
        yield (
            "sshd does not say its MaxStartups; if it is low, sshd drops logins at random when many"
            " nodes connect at once"
        )
    elif number(is_so.partition(":")[0]) < number(startups.partition(":")[0]):
        yield (
            f"another file sets sshd's MaxStartups to {is_so}, which takes precedence: sshd will"
            " drop logins at random when many nodes connect at once"
        )
