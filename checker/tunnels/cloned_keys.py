"""Detect a node's key on two devices, and say how long a newcomer waits. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import groupby

from checker.model import NodeName, Policy
from checker.model.instance import device_of

FIRST_WAIT_S = 10
ARRIVALS_KEPT = 8
CONDITION = "its key is on two devices"
"""Start of the note in a row's detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An instance of a node's client that connected; empty if the connection named none."""

    instance: str
    peer: str = ""

    @property
    def device(self) -> str:
        return device_of(self.instance)

    def __str__(self) -> str:
        return f"{self.instance or 'unnamed'}{f' from {self.peer}' if self.peer else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """A node's key on two devices; times are monotonic."""

    holder: Arrival
    newcomer: Arrival
    last_at: float
    refusals: int = 0


class Clones:
    """Instances and copied keys that were seen, by node."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.first_wait_s = FIRST_WAIT_S
        self.clones: dict[NodeName, Clone] = {}
        self.arrivals: dict[NodeName, tuple[tuple[float, Arrival], ...]] = {}

    def of(self, node: NodeName, now: float) -> Clone | None:
        """Return the node's clone, if it showed itself lately."""
        clone = self.clones.get(node)
        if clone is not None and now - clone.last_at > self.policy.quiet_s:
            del self.clones[node]
            return None
        return clone

    def refuse(
        self, node: NodeName, holder: Arrival, newcomer: Arrival, now: float
    ) -> tuple[int, bool]:
        """Note that a newcomer met a healthy tunnel of another instance.

        Return the seconds that it waits, and whether that is worth an event.
        """
        before = self.of(node, now)
        refusals = before.refusals + 1 if before else 1
        wait_s = self.wait_s(refusals)
        strange = before is None or {before.holder.instance, before.newcomer.instance} != {
            holder.instance,
            newcomer.instance,
        }
        self.clones[node] = Clone(holder=holder, newcomer=newcomer, last_at=now, refusals=refusals)
        return wait_s, strange or wait_s != self.wait_s(refusals - 1)

    def wait_s(self, refusals: int) -> int:
        """Return 10, 20, 40 ... seconds, up to the longest."""
        return (
            min(self.policy.longest_wait_s, self.first_wait_s << max(0, min(refusals, 16) - 1))
            if refusals
            else 0
        )

    def arrived(self, node: NodeName, arrival: Arrival, now: float) -> bool:
        """Note that an instance holds the node's tunnel now; return whether two now prove to take
        turns.

        An instance that follows another took its place. One that comes back after the other is a
        second device. The two paths of a node are one device.
        """
        lately = [
            (at, one) for at, one in self.arrivals.get(node, ()) if now - at <= self.policy.quiet_s
        ]
        lately = [*lately, (now, arrival)][-ARRIVALS_KEPT:]
        self.arrivals[node] = tuple(lately)
        order = [device for device, _ in groupby(one.device for _, one in lately)]
        if len(order) == len(set(order)) or order.count(arrival.device) < 2:
            return False
        other = next(one for _, one in reversed(lately) if one.device != arrival.device)
        before = self.of(node, now)
        clone = before or Clone(holder=arrival, newcomer=other, last_at=now)
        self.clones[node] = replace(clone, holder=arrival, newcomer=other, last_at=now)
        return before is None

    def note(self, node: NodeName, now: float) -> str:
        """Return the note for the node's rows; empty if there is no clone."""
        clone = self.of(node, now)
        return f"{CONDITION}: instance {clone.holder}, and {clone.newcomer}" if clone else ""

    def rename(self, old: NodeName, new: NodeName) -> None:
        """Keep what is known under the node's new name."""
        if old in self.clones:
            self.clones[new] = self.clones.pop(old)
        if old in self.arrivals:
            self.arrivals[new] = self.arrivals.pop(old)

    def forget(self, node: NodeName) -> None:
        """Forget who came with the node's old key."""
        self.clones.pop(node, None)
        self.arrivals.pop(node, None)

    def keep_only(self, kept: Collection[NodeName]) -> None:
        """Forget all other nodes, which were removed."""
        self.clones = {node: clone for node, clone in self.clones.items() if node in kept}
        self.arrivals = {node: lately for node, lately in self.arrivals.items() if node in kept}
