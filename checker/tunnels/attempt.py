"""One probe of a forward: what was known before it, what came, and who held the port after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checker.model import Flow, Port, Tunnel
from checker.tunnels.holders import Held
from checker.tunnels.patience import Terms
from checker.tunnels.probe import Probed

REACHED_WITHIN_S = 1.5
"""An acknowledgement that comes so soon after the start of a probe shows that the link works."""
KERNEL_ROUNDS_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One probe, what was known before it, and who held the port at its end."""

    before: Tunnel
    began: float
    """Monotonic."""
    sent: float
    """The same, when it had a place among the probes at once."""
    began_wall: float
    """The same in Unix seconds."""
    terms: Terms
    place: Port
    """Which of the forward's ports was probed."""
    probed: Probed
    answered: bool
    earlier: Mapping[str, Flow]
    """What had moved on all connections soon after the start; empty if the probe was short."""
    earlier_at: float
    """When that was read, monotonic."""
    held: Held

    def reached(self, peer: str, now: Flow, read_at: float) -> bool:
        """Whether the other side's kernel acknowledged something soon after the probe began; `now`
        was read at `read_at` (monotonic).
        """
        readings = [(now, read_at)]
        if peer in self.earlier:
            readings.append((self.earlier[peer], self.earlier_at))
        return any(
            -KERNEL_ROUNDS_S <= at - flow.reached_ago_s - self.sent <= REACHED_WITHIN_S
            for flow, at in readings
        )
