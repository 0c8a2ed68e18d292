"""What `node pin` finds at each forward, and what it does about it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from checker.model import (
    Forward,
    Node,
    NodeName,
    Place,
    Status,
    Tunnel,
    expects_ssh,
    fingerprint,
    is_stale,
    type_of,
)

KEY_NAMES = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}
"""Types as `ssh-keygen -l` names them; all others here are ECDSA."""


ANSWERS = frozenset({Status.UP, Status.WRONG})
"""Statuses of a forward whose target sent something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the daemon last saw of all forwards."""

    tunnels: Mapping[Place, Tunnel]
    every_s: float
    """Between two sweeps."""
    now: float
    """Unix seconds."""
    uid: int
    """The tunnel user's."""


class Found(StrEnum):
    """What came of reading a host key, the worst first."""

    CHANGED = "changed"
    """Another key than the pinned one came."""
    FAILED = "failed"
    DOWN = "not up"
    """No tunnel of the node holds the port."""
    NEW = "new"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one forward's target showed."""

    forward: Forward
    found: Found
    key: str = ""
    """`TYPE BASE64`; empty if none was read."""
    reason: str = ""
    """Why none was read, as a clause."""

    @property
    def place(self) -> str:
        return f"{self.forward.node}:{self.forward.port}"


def why_not(tunnel: Tunnel | None, seen: Seen) -> str:
    """Return why no host key can be read, as a clause; empty if one can."""
    if tunnel is None or tunnel.status is Status.UNKNOWN:
        return "the daemon has not probed it yet"
    if is_stale(tunnel, seen.every_s, seen.now):
        return "the daemon has not probed it lately; is it running?"
    if tunnel.status not in ANSWERS:
        return f"{tunnel.status}{f': {tunnel.detail}' if tunnel.detail else ''}"
    return "" if tunnel.session else "its tunnel's process cannot be found"


def shown(forward: Forward, key: str) -> Reading:
    """Return what a key that was read means."""
    pinned = forward.host_key
    found = Found.NEW if not pinned else Found.SAME if key == pinned else Found.CHANGED
    return Reading(forward=forward, found=found, key=key)


def forwards_to_read(node: Node) -> tuple[Forward, ...]:
    """Return the node's forwards to SSH servers, without those that leave."""
    return tuple(one for one in node.forwards if expects_ssh(one) and not one.leaves_at)


def named(key: str) -> str:
    """Return a key's fingerprint and type, as `ssh-keygen -l` has them."""
    return f"{fingerprint(key)} ({KEY_NAMES.get(type_of(key), 'ECDSA')})"


def clause(one: Reading) -> str:
    """Say what was found, as a clause."""
    match one.found:
        case Found.NEW | Found.SAME:
            same = "" if one.found is Found.NEW else "pinned already: "
            return f"{same}{named(one.key)}"
        case Found.CHANGED:
            return f"{named(one.key)} came, but {named(one.forward.host_key)} is pinned"
        case Found.DOWN | Found.FAILED:
            return one.reason


def to_write(readings: Iterable[Reading], *, replaces: bool) -> tuple[Reading, ...]:
    """Return the readings whose key should be pinned; `replaces`: also in place of another."""
    wanted = {Found.NEW, Found.CHANGED} if replaces else {Found.NEW}
    return tuple(one for one in readings if one.found in wanted)


def plan_line(one: Reading) -> str:
    """Say what is done, for a question or a dry run."""
    if one.found is Found.CHANGED:
        return (
            f"replace the host key of {one.place}: {named(one.forward.host_key)} ->"
            f" {named(one.key)}"
        )
    return f"pin the host key of {one.place}: {named(one.key)}"


def with_keys(node: Node, keys: Mapping[Place, str]) -> Node:
    """Return the node with these host keys pinned; an empty one is removed."""
    return replace(
        node,
        forwards=tuple(
            replace(one, host_key=keys.get((one.node, one.port), one.host_key))
            for one in node.forwards
        ),
    )


def shared_keys(
    forwards: Iterable[Forward], readings: Iterable[Reading]
) -> tuple[tuple[str, tuple[NodeName, ...]], ...]:
    """Return each host key that several nodes have, with their names: what is pinned, and what was
    read.
    """
    nodes: defaultdict[str, set[NodeName]] = defaultdict(set)
    keys = {(one.node, one.port): one.host_key for one in forwards if one.host_key}
    keys |= {(one.forward.node, one.forward.port): one.key for one in readings if one.key}
    for (node, _), key in keys.items():
        nodes[key].add(node)
    found = ((key, tuple(sorted(names))) for key, names in nodes.items() if len(names) > 1)
    return tuple(sorted(found, key=lambda pair: pair[1]))


def shared_sentence(key: str, nodes: Sequence[NodeName]) -> str:
    """Warn that devices cannot be told apart by their host key."""
    most = 8
    others = f" and {len(nodes) - most} more" if len(nodes) > most else ""
    return (
        f"{named(key)} is the host key of several nodes: {', '.join(nodes[:most])}{others}; if they"
        " are copies of one image, make new keys on them, else each can pass for the others"
    )


def summary(
    readings: Sequence[Reading], done: Collection[Reading], planned: Collection[Reading] = ()
) -> str:
    """Count what came of all forwards, in one line; `planned`: what a dry run would do."""
    replaced = sum(one.found is Found.CHANGED for one in done)
    to_replace = sum(one.found is Found.CHANGED for one in planned)
    counts = {
        "changed, and left alone": count(readings, Found.CHANGED) - replaced - to_replace,
        "not read": count(readings, Found.FAILED),
        "not up": count(readings, Found.DOWN),
        "to replace": to_replace,
        "to pin": len(planned) - to_replace,
        "replaced": replaced,
        "pinned": len(done) - replaced,
        "pinned before": count(readings, Found.SAME),
    }
    return ", ".join(f"{number} {what}" for what, number in counts.items() if number)


def count(readings: Iterable[Reading], found: Found) -> int:
    return sum(one.found is found for one in readings)


def failures_first(readings: Iterable[Reading]) -> list[Reading]:
    order = list(Found)
    return sorted(readings, key=lambda one: order.index(one.found))


def reading_json(one: Reading, *, is_done: bool) -> dict[str, Any]:
    """One forward of `node pin --json`."""
    return {
        "node": one.forward.node,
        "port": one.forward.port,
        "found": one.found.value,
        "done": is_done,
        "host_key": one.key or None,
        "fingerprint": fingerprint(one.key) if one.key else None,
        "pinned": one.forward.host_key or None,
        "reason": one.reason or None,
    }
