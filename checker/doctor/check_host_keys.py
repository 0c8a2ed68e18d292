"""Judge which host keys devices pin, and whether sshd listens where they look for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding, first_of


def check_host_keys(facts: Facts) -> Iterator[Finding]:
    yield from check_pins(facts)
    yield from check_gateway(facts)


def check_pins(facts: Facts) -> Iterator[Finding]:
    """A node whose device has one of several bundles counts as wrong if any of them is."""
    host_keys = facts.host_keys
    if not host_keys.known or not host_keys.pinned:
        return
    lost = sorted(
        name
        for name, all_pins in host_keys.pinned.items()
        if any(host_keys.offered.isdisjoint(pins.all_keys) for pins in all_pins)
    )
    old = sorted(
        name
        for name, all_pins in host_keys.pinned.items()
        if any(not host_keys.known.issuperset(pins.host_keys) for pins in all_pins)
    )
    yield finding(
        "pinned host keys",
        f"no node pins a host key that sshd does not have{unknown(facts)}",
        (
            bool(lost),
            f"{nodes(lost)} no host key that sshd offers, and cannot come back: {names(lost)}",
            'give sshd its old host keys back: docs/operating.md, "Replace the host keys"',
        ),
        (
            bool(old),
            f"{nodes(old)} a key that sshd does not offer: {names(old)}",
            remedies.roll_out(facts, old),
        ),
    )


def nodes(found: list[str]) -> str:
    return f"{len(found)} nodes pin" if len(found) > 1 else "1 node pins"


def names(found: list[str]) -> str:
    return first_of(found, 3, ", ")


def unknown(facts: Facts) -> str:
    """Say for how many nodes it is unknown which host keys they pin."""
    count = facts.registry.nodes - len(facts.host_keys.pinned)
    if count <= 0:
        return ""
    what = "1 node" if count == 1 else f"{count} nodes"
    return f", as far as reversi made their files; unknown for {what}"


def check_gateway(facts: Facts) -> Iterator[Finding]:
    if not facts.gateway.are_checked:
        return
    own = [one.sentence for one in facts.gateway.unheard if one.is_own]
    others = [one.sentence for one in facts.gateway.unheard if not one.is_own]
    mend = (
        f"correct gateway in {facts.layout.config}, or have sshd listen there too (Port in"
        " /etc/ssh/sshd_config)"
    )
    if others and not own:
        yield Finding(name="gateway's ports", ok=None, sentence="; ".join(others), mend=mend)
        return
    yield finding(
        "gateway's ports",
        "something listens on each port that gateway names",
        (bool(own), "; ".join(own), mend),
    )
