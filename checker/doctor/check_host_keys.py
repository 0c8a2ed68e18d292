"""Judge which host keys devices pin, and whether sshd listens where they look for it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding, first_of
from checker.registry.pins import Pins

PINS = "pinned host keys"


def check_host_keys(facts: Facts) -> Iterator[Finding]:
    yield from check_pins(facts)
    yield from check_gateway(facts)


def check_pins(facts: Facts) -> Iterator[Finding]:
    """A node whose device has one of several bundles counts as wrong if any of them is."""
    host_keys = facts.host_keys
    if not host_keys.known or not host_keys.pinned:
        return
    coming = host_keys.known - host_keys.offered
    doubtful = which(facts, lambda pins: host_keys.offered.isdisjoint(pins.all_keys))
    lost = [name for name in doubtful if is_lost(facts, name)]
    old = which(facts, lambda pins: not host_keys.known.issuperset(pins.host_keys))
    late = which(facts, lambda pins: not coming.issubset(pins.all_keys))
    if late and not doubtful and not old:
        yield Finding(
            name=PINS,
            ok=None,
            sentence=f"{nodes(late, 'does', 'do')} not pin yet what sshd will offer once the keys"
            f" before it go: {names(late)}",
            mend=remedies.roll_out(facts, late),
        )
        return
    coming_too = ", and each pins those that sshd will offer" if coming else ""
    yield finding(
        PINS,
        f"no node pins a host key that sshd does not have{coming_too}{unknown(facts)}",
        (
            bool(lost),
            (
                f"{nodes(lost, 'pins', 'pin')} no host key that sshd offers, and cannot come back:"
                f" {names(lost)}"
            ),
            remedies.bring_host_keys(facts, lost),
        ),
        (
            bool(doubtful),
            (
                f"{nodes(doubtful, 'may', 'may')} have a bundle that pins no host key that sshd"
                f" offers, and then cannot come back: {names(doubtful)}"
            ),
            remedies.bring_host_keys(facts, doubtful),
        ),
        (
            bool(old),
            f"{nodes(old, 'pins', 'pin')} a key that sshd does not offer: {names(old)}",
            remedies.roll_out(facts, old),
        ),
    )


def is_lost(facts: Facts, name: str) -> bool:
    """Return whether nothing that was handed to the node's device pins a key that sshd offers."""
    host_keys = facts.host_keys
    return all(host_keys.offered.isdisjoint(pins.all_keys) for pins in host_keys.pinned[name])


def which(facts: Facts, is_one: Callable[[Pins], bool]) -> list[str]:
    """Return the nodes whose device may have such pins."""
    pinned = facts.host_keys.pinned.items()
    return sorted(name for name, all_pins in pinned if any(map(is_one, all_pins)))


def nodes(found: list[str], one: str, several: str) -> str:
    return f"{len(found)} nodes {several}" if len(found) > 1 else f"1 node {one}"


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
    if facts.gateway.are_missing:
        yield Finding(
            name="gateway's ports",
            ok=None,
            sentence=f"{facts.layout.config} does not say where devices reach this gateway, which"
            " each bundle must know",
            mend="sudo reversi-checker init --gateway HOST:PORT",
        )
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
