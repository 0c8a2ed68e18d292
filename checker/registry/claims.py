"""Whether an entry may go into the bucket, compared with newer ones there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from checker.model import Node, NodeName, Port
from checker.registry.entries import Entry
from checker.registry.nodes import conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an entry does not go into the bucket."""

    sentence: str
    ports: frozenset[Port] = frozenset()
    """That another node has in the bucket."""
    newer: int = 0
    """The revision of this node in the bucket, if that is why."""


def refusal_of(
    entry: Entry, newer: Mapping[NodeName, Entry], before: Node | None = None
) -> Refusal | None:
    """Return why an entry does not fit; None if it does. `newer`: the signed entries in the bucket
    that this gateway has not taken, or left out; `before`: the node as it was signed last, whose
    ports and keys it has in any case.
    """
    same = newer.get(entry.name)
    if same is not None and same.text != entry.text and same.head.rev >= entry.head.rev:
        return Refusal(
            sentence=f"revision {same.head.rev} of node {entry.name} came from"
            f" {same.head.changed_by} at another gateway meanwhile",
            newer=same.head.rev,
        )
    node = entry.node
    if node is None:
        return None
    ports = set(node.ports).difference(before.ports if before else ())
    keys = set(node.public_keys).difference(before.public_keys if before else ())
    others = [
        one.node
        for name, one in newer.items()
        if one.node is not None
        and name != entry.name
        and (ports.intersection(one.node.ports) or keys.intersection(one.node.public_keys))
    ]
    trouble = conflict(node, others) if others else None
    if trouble is None:
        return None
    taken = {port for one in others for port in one.ports}
    return Refusal(
        sentence=f"at another gateway, {trouble}", ports=frozenset(taken.intersection(node.ports))
    )


def floors(refused: Mapping[NodeName, Refusal], barring: Collection[NodeName]) -> dict[str, int]:
    """Return the revision that each of these nodes must have at least to be signed over a newer
    one. Only what lets nobody in goes over what another operator signed meanwhile.
    """
    return {name: one.newer + 1 for name, one in refused.items() if one.newer and name in barring}
