"""The state of the current connection, and when its next step is due."""

from __future__ import annotations

from dataclasses import dataclass, field

from client.pace import Pace
from client.pulse import Pulse

COUNTERS_EVERY_S = 1.0
"""How often to read the connection's counters while a beat waits for a sign of life."""
NEVER_S = float("inf")


@dataclass(slots=True, kw_only=True)
class Tunnel:
    """The state of the current connection."""

    pulse: Pulse = field(default_factory=Pulse)
    listening: frozenset[int] = frozenset()
    denied: frozenset[int] = frozenset()
    claimed: bool = False
    """Whether this connection ran `claim`."""
    asking: bool = False
    ask_due_s: float = 0.0
    beat_due_s: float = 0.0
    regular_due_s: float = 0.0
    """When the next beat is due if the last one is answered."""
    first_due_s: float = NEVER_S
    """The deadline for the first answer."""
    up_since_s: float | None = None
    """None: no beat was answered yet."""

    def limit_s(self, pace: Pace) -> float:
        """Return how long the connection may be silent after a beat."""
        return (
            pace.setup_s
            if self.up_since_s is None
            else pace.answer_s(delivered=self.pulse.is_delivered)
        )

    def hang_due_s(self, pace: Pace) -> float:
        """Return when the connection counts as hung, if nothing happens until then."""
        quiet_s = NEVER_S if self.pulse.since_s is None else self.pulse.since_s + self.limit_s(pace)
        return quiet_s if self.up_since_s is not None else min(quiet_s, self.first_due_s)

    def due_s(self, pace: Pace, now_s: float) -> float:
        """Return when something is due next, while `hold` runs."""
        dues = [self.beat_due_s, self.hang_due_s(pace)]
        dues += [self.ask_due_s] if self.denied else []
        dues += [now_s + COUNTERS_EVERY_S] if self.pulse.since_s is not None else []
        return min(dues)


def named(ports: frozenset[int]) -> str:
    """`port 1` or `ports 1, 2`."""
    return ("port " if len(ports) == 1 else "ports ") + ", ".join(map(str, sorted(ports)))


def denial(ports: frozenset[int]) -> str:
    return f"the gateway denies {named(ports)}: in use there, or not this node's"
