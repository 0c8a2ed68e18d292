"""Judge a gateway in a fleet. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding, first_of
from checker.doctor.fleet_facts import FleetFacts
from checker.install.places import FLEET_PATH_FILE

NAME = "fleet"
MOST = 5


def check_fleet(facts: Facts) -> Iterator[Finding]:
    """Say nothing of a gateway on its own."""
    found = facts.fleet
    if found is None:
        return
    signers = facts.layout.fleet / "allowed_signers"
    yield finding(
        NAME,
        "its entries are signed, and none waits"
        if found.is_signing
        else "no entry is signed: it believes every gateway's root; none waits",
        (bool(found.trouble), found.trouble, "fix that file"),
        (
            bool(found.open_paths),
            f"others can change or read what only root may: {', '.join(found.open_paths)}",
            f"chmod go-w {facts.layout.fleet} {signers}; chmod 600 {facts.layout.fleet}/identity",
        ),
        (
            found.is_signing and not found.signers,
            f"nobody may sign here, so nothing is taken from other gateways: see {signers}",
            f"write a line for each signer into {signers}",
        ),
        (
            found.state not in (None, "active"),
            f"{FLEET_PATH_FILE.name} is {found.state}: what is brought stays in the inbox",
            remedies.INIT,
        ),
        *unsettled(facts, found),
    )


def unsettled(facts: Facts, found: FleetFacts) -> Iterator[tuple[bool, str, str]]:
    yield (
        bool(found.left_out),
        f"a newer entry was left out of {named(found.left_out)}",
        remedies.ours(facts, "fleet status    # says why"),
    )
    yield (
        bool(found.unsigned),
        f"changed on this gateway only, and not signed: {named(found.unsigned)}",
        remedies.signing(facts, "node sign --all"),
    )


def named(names: Sequence[str]) -> str:
    return first_of(list(names), MOST, ", ")
