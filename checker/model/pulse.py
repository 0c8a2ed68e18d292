"""The pulse of a gateway: what it says of itself to the fleet every two seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_APART_S = 60.0
"""Further apart, the clocks of two gateways cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What a gateway says of itself. Times are by its own clock."""

    epoch: str
    """Another one after each start of its agent: `beat` and `number` begin again."""
    beat: int
    """Counts its pulses."""
    number: int
    """Of the last change that it told."""
    at: float
    """When it was sent, in Unix seconds."""
    version: str
    state: str
    """`active` or `draining`."""
    revision: int = 0
    """Of its state file."""
    swept_at: float | None = None
    """Unix seconds; None: its daemon has not swept yet."""
    every_s: float = 0.0
    """Between two sweeps."""
    last_event: int = 0
    """The id of its newest event; 0: there is none."""
    load: float = 0.0
    """Of one minute."""
    free_mb: int = 0
    """Memory that programs could get, in MiB."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Its tunnels by status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardPulse:
    """The last pulse of another gateway, and when we heard it."""

    pulse: Pulse
    heard_at: float
    """Unix seconds, by our clock."""

    def age_s(self, now: float) -> float:
        """Return the seconds since it came; 0 if our clock was set back."""
        return max(0.0, now - self.heard_at)

    @property
    def ahead_s(self) -> float:
        """How far its clock is ahead of ours, in seconds; negative: behind."""
        return self.pulse.at - self.heard_at
