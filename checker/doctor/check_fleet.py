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
        (bool(found.removed_by), *removal(facts, found)),
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


def removal(facts: Facts, found: FleetFacts) -> tuple[str, str]:
    """Return what to say on a gateway that was removed from the fleet, and what to do."""
    why = f"{found.removed_by} removed this gateway from the fleet, so the others do not hear it"
    if found.still_calls:
        return f"{why}; its nats-server still calls them", f"{remedies.INIT}    # stops that"
    first = "stop its nats-server and fleet serve; " if facts.home else ""
    return why, f"{first}turn it off when no device uses it any more"


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
