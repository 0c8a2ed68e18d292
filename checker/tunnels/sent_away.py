"""Which nodes a gateway that drains sends away, and what their connections hear. Pure."""

from __future__ import annotations

from checker.model import NodeName, ProcessId

STRAIGHT_BACK_S = 900.0
"""A node that comes back within this time found no other gateway, and stays. All gateways of a node
are tried in a few minutes, even over a slow link.
"""
DRAINS = "this gateway drains: use another gateway; if there is none, come back"
"""What a client is told that must go elsewhere."""


class SentAway:
    """The nodes that were sent away. Times are monotonic.

    A device that has no other gateway must not be locked out, so it is sent away only once.
    """

    def __init__(self) -> None:
        self.drains = False
        self.last: dict[NodeName, float] = {}
        """When each node was told to use another gateway, or came back after that."""
        self.refused: dict[ProcessId, tuple[NodeName, float]] = {}
        """Connections whose `hold` was refused, and when. ssh stays while a visitor of one of its
        forwards is connected, so the gateway ends them.
        """
        self.waits: dict[NodeName, int] = {}
        """Seconds that a node's next beat is answered with."""

    def begin(self) -> None:
        """Send away all nodes, also those that came back earlier."""
        self.drains = True
        self.last.clear()

    def end(self) -> tuple[NodeName, ...]:
        """Send nobody away any more; return the nodes whose verdict changes."""
        self.drains = False
        self.last.clear()
        self.refused.clear()
        nodes = tuple(self.waits)
        self.waits.clear()
        return nodes

    def note(self, node: NodeName, now: float) -> None:
        """The node was told to use another gateway."""
        self.last[node] = now

    def refuses(self, node: NodeName, now: float) -> bool:
        """Whether a new connection of the node must use another gateway, which it is told now. One
        that came straight back may stay.
        """
        if not self.drains:
            return False
        before = self.last.get(node)
        self.last[node] = now
        return before is None or now - before > STRAIGHT_BACK_S
