"""Two connections of one node at two gateways: a leftover, two paths, or a copied key. Pure.

Only the gateway of the later connection acts, so two gateways never both send a node away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from checker.model import NodeName, ProcessId
from checker.model.gateway_id import GatewayId
from checker.model.instance import device_of
from checker.tunnels.shared_key import INSTANCE

PROVES_AFTER_S = 30.0
"""A connection that shows life so long after another began is not a leftover."""
MOST_CLONES = 5
"""If a gateway reports more than that at once, it is believed about none: keys are seldom copied,
and a stolen gateway must not send other gateways' nodes away.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A connection of a node at one gateway. Times are Unix seconds by one clock."""

    gateway: GatewayId
    node: NodeName
    session: ProcessId
    instance: str
    peer: str
    registered_at: float
    alive_at: float | None
    """When it showed last that it lives; None: it did not."""

    @property
    def is_named(self) -> bool:
        """Whether its instance tells devices apart."""
        return self.instance not in ("", INSTANCE)


class Relation(StrEnum):
    """What our connection of a node is beside another gateway's."""

    FINE = "fine"
    """Nothing is proven, or the other gateway decides, or they are paths of one device."""
    LEFTOVER = "leftover"
    """The same instance connected elsewhere later: ours may be half open."""
    CLONE = "clone"
    """Another device connected earlier, and both live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Our connection of a node, and another gateway's."""

    ours: Presence
    theirs: Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What all pairs come to."""

    leftovers: tuple[Pair, ...] = ()
    """Ours must be probed."""
    clones: tuple[Pair, ...] = ()
    """Ours must wait."""
    doubted: tuple[GatewayId, ...] = ()
    """Gateways that report too many clones to be believed."""


def relation(ours: Presence, theirs: Presence) -> Relation:
    """Compare two connections of one node."""
    if not (ours.is_named and theirs.is_named):
        return Relation.FINE
    is_later = is_after(ours, theirs)
    if ours.instance == theirs.instance:
        return Relation.FINE if is_later else Relation.LEFTOVER
    if device_of(ours.instance) == device_of(theirs.instance) or not is_later:
        return Relation.FINE
    proven_at = ours.registered_at + PROVES_AFTER_S
    both = (ours.alive_at, theirs.alive_at)
    return Relation.CLONE if all(at and at > proven_at for at in both) else Relation.FINE


def is_after(one: Presence, other: Presence) -> bool:
    """Return whether `one` is the later connection; of two, exactly one is."""
    return (one.registered_at, one.gateway) > (other.registered_at, other.gateway)


def findings(pairs: Iterable[Pair]) -> Findings:
    """Compare all pairs; a node has at most one clone among them."""
    leftovers: list[Pair] = []
    clones: dict[NodeName, Pair] = {}
    for pair in pairs:
        found = relation(pair.ours, pair.theirs)
        if found is Relation.LEFTOVER:
            leftovers.append(pair)
        elif found is Relation.CLONE:
            clones.setdefault(pair.ours.node, pair)
    told = Counter(pair.theirs.gateway for pair in clones.values())
    doubted = {id_ for id_, count in told.items() if count > MOST_CLONES}
    return Findings(
        leftovers=tuple(leftovers),
        clones=tuple(one for one in clones.values() if one.theirs.gateway not in doubted),
        doubted=tuple(sorted(doubted)),
    )
