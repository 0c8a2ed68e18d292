"""The facts behind the metrics, and the judgement on each forward. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from checker.model import Node, NodeName, Policy, Port, Status, is_late
from checker.model.glance import Glance, Seen

STALE = "stale"
"""In place of the status of a forward that nobody probed lately."""
WORST_FIRST = (
    Status.HUNG.value,
    Status.FOREIGN.value,
    Status.DOWN.value,
    STALE,
    Status.REFUSED.value,
    Status.WRONG.value,
    Status.UNKNOWN.value,
    Status.UP.value,
)
STATES = ("enabled", "disabled", "expired", "broken", "unregistered")
"""Of nodes; each node has one."""
CLIENT = re.compile(
    r"(bundle|reversi)(-[0-9][A-Za-z0-9.+_-]{0,15}(/[a-z]{1,8}-[A-Za-z0-9.+_-]{1,15})?)?"
)
"""What our clients call themselves: program and version, and those of the SSH client in use."""
OTHER = "other"
KEPT_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What the registry and the state file say at one moment."""

    version: str
    """Of this reversi."""
    now: float
    """Unix seconds."""
    today: str
    """YYYY-MM-DD, by this machine's clock."""
    nodes: Mapping[NodeName, Node] = field(default_factory=dict)
    broken: frozenset[NodeName] = frozenset()
    """Nodes whose file is broken, even if they keep their rights."""
    glance: Glance = field(default_factory=Glance)
    clients: Mapping[NodeName, str] = field(default_factory=dict)
    """The label for each node's client."""
    applicants: int = 0
    """How many devices wait to be accepted."""
    draining: bool = False
    """Whether the gateway tells its nodes to use another one."""

    @property
    def every_s(self) -> float:
        """Between two sweeps."""
        return self.glance.every_s or Policy().probe_every_s


def only(found: Gathered, names: Collection[NodeName]) -> Gathered:
    """Keep these nodes and devices; what concerns the gateway as a whole stays."""
    unregistered = [place for place in found.glance.unregistered if place[0] in names]
    return replace(
        found,
        nodes={name: node for name, node in found.nodes.items() if name in names},
        broken=found.broken.intersection(names),
        glance=replace(found.glance, unregistered=unregistered),
    )


class Judged(NamedTuple):
    """A forward that may listen, and what is known about it."""

    node: NodeName
    port: Port
    word: str
    """One of WORST_FIRST."""
    seen: Seen | None


def judged(found: Gathered) -> Iterator[Judged]:
    """Yield the forwards of all nodes that may listen. Nobody expects the others to be up."""
    seen = {(one.node, one.port): one for one in found.glance.seen}
    for name, node in found.nodes.items():
        if not node.barred(found.today):
            for forward in node.forwards:
                one = seen.get((name, forward.port))
                yield Judged(name, forward.port, word_for(one, found), one)


def word_for(seen: Seen | None, found: Gathered) -> str:
    if seen is None:
        return Status.UNKNOWN.value
    return STALE if is_late(seen.probed_at, seen.due_s, found.every_s, found.now) else seen.status


def state_of(node: Node, found: Gathered) -> str:
    """Return the node's state, one of STATES."""
    if node.name in found.broken:
        return "broken"
    if not node.enabled:
        return "disabled"
    return "expired" if node.barred(found.today) else "enabled"


def node_states(found: Gathered) -> dict[str, int]:
    """Count the nodes in each state."""
    counts = dict.fromkeys(STATES, 0)
    for node in found.nodes.values():
        counts[state_of(node, found)] += 1
    counts["broken"] += len(found.broken - found.nodes.keys())
    ports = {port for node in found.nodes.values() for port in node.ports}
    counts["unregistered"] = sum(
        name not in found.nodes and port not in ports for name, port in found.glance.unregistered
    )
    return counts


def client_label(client: str) -> str:
    """Return the label for a client: a device may say anything, and each new word would be one more
    series.
    """
    return client if not client or CLIENT.fullmatch(client) else OTHER


class Clients:
    """The clients' labels, over many scrapes. A node's label changes at most once an hour, so that
    a device which calls itself something else each time makes few series; it stays while the node
    is away.
    """

    def __init__(self) -> None:
        self.shown: dict[NodeName, tuple[str, float]] = {}
        """The label, and when it changed last, in Unix seconds."""

    def follow(
        self, clients: Mapping[NodeName, str], nodes: Mapping[NodeName, Node], now: float
    ) -> dict[NodeName, str]:
        """Return the label of each node that ever had a client."""
        self.shown = {name: known for name, known in self.shown.items() if name in nodes}
        for name, said in clients.items():
            label, known = client_label(said), self.shown.get(name)
            if not label or name not in nodes:
                continue
            if known is None or (label != known[0] and not 0 <= now - known[1] < KEPT_S):
                self.shown[name] = (label, now)
        return {name: label for name, (label, _) in self.shown.items()}
