"""Judge the bus of a gateway in a fleet. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.bus_facts import BusFacts
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding, first_of
from checker.model.pulse import MOST_APART_S

NAME = "bus"
Version = tuple[int, int, int]
MOST = 5
REPAIRED = ((2, 11, 16), (2, 12, 7))
"""The first of these releases without the faults that matter to us; 2.14 has none of them."""
ALL_REPAIRED_SINCE = (2, 14, 0)
LOSES = "it may lose a write that it acknowledged, if a machine loses power"
STALE_BEFORE = (2, 10, 0)
CVE_REPAIRED = (2, 11, 1)
"""CVE-2025-30215: any client may manage the buckets of every account. 2.10.27 is repaired, too."""


def check_bus(facts: Facts) -> Iterator[Finding]:
    """Say nothing of a gateway that is on no bus."""
    found = facts.bus
    if found is None:
        return
    stopped = [f"{name} is {state}" for name, state in found.states.items() if is_bad(state)]
    yield finding(
        NAME,
        heard(found),
        (bool(found.trouble), found.trouble, "fix that file"),
        (
            found.version is None,
            "nats-server is not installed, so this gateway is on no bus",
            f"sudo apt-get install nats-server && {remedies.INIT}",
        ),
        (
            not found.has_library,
            "the agent needs the Python package nats-py, which is missing",
            f"sudo {sys.executable} -m pip install nats-py && {remedies.INIT}",
        ),
        (bool(stopped), ", ".join(stopped), remedies.INIT),
        (bool(apart(found)), apart(found), "set up NTP on all gateways"),
    )
    yield from silence(found)
    for sentence in found.bucket:
        yield Finding(name=NAME, ok=None, sentence=sentence, mend="reversi-checker fleet status")
    yield from faults(found.version)


def is_bad(state: str | None) -> bool:
    return state not in (None, "active")


def heard(found: BusFacts) -> str:
    count = len(found.ahead_s)
    return f"it hears {count} other gateway{'' if count == 1 else 's'}"


def apart(found: BusFacts) -> str:
    """Return a sentence about clocks that differ; empty: none does."""
    far = [
        f"that of {id_} is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
        for id_, ahead in found.ahead_s.items()
        if abs(ahead) > MOST_APART_S
    ]
    return f"clocks of gateways differ: {first_of(far, MOST, ', ')}" if far else ""


def silence(found: BusFacts) -> Iterator[Finding]:
    """Name the gateways that are not heard: their own doctor says why."""
    names = [
        f"{id_} ({'never heard' if age is None else f'for {age:.0f} s'})"
        for id_, age in found.silent.items()
    ]
    if names:
        # a gateway that was removed from the fleet is refused by all before it learns why
        asks = "doctor" if found.ahead_s else "fleet status; reversi-checker doctor"
        yield Finding(
            name=NAME,
            ok=None,
            sentence=f"not heard: {first_of(names, MOST, ', ')}",
            mend=f"reversi-checker {asks}    # there",
        )


def faults(version: Version | None) -> Iterator[Finding]:
    """Warn of releases of nats-server with faults that matter."""
    if version is None or is_repaired(version):
        return
    text = ".".join(map(str, version))
    known = [LOSES]
    if version < STALE_BEFORE:
        known.append("it may answer with an older value than was written")
    if version < CVE_REPAIRED and not (2, 10, 27) <= version < (2, 11, 0):
        known.append("it lacks the repair of CVE-2025-30215")
    yield Finding(
        name="nats-server",
        ok=None,
        sentence=f"{text} carries rows and events well, but has known faults: {'; '.join(known)}",
        mend="install 2.11.16, 2.12.7, 2.14 or later, from nats.io",
    )


def is_repaired(version: Version) -> bool:
    return version >= ALL_REPAIRED_SINCE or any(
        version[:2] == first[:2] and version >= first for first in REPAIRED
    )
