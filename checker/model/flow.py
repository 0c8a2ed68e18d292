"""What the kernel counts of the traffic of one SSH connection."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Counters of one established connection."""

    acked: int
    """Bytes that the other side's kernel acknowledged."""
    received: int
    heard_ago_s: float
    """Seconds since the other side last sent data. Acknowledgements and answers to window probes do
    not count.
    """
    reached_ago_s: float = inf
    """Seconds since anything came from the other side, acknowledgements too."""
    queued: int = 0
    """Bytes written to the connection and not acknowledged yet."""
    rtt_s: float = 0.0
    rtt_varies_s: float = 0.0
    strays: int = 0
    """Segments that arrived out of order and are not in `received` yet. Always 0 before Linux
    5.4.
    """
    delivered: int = 0
    """Segments that the other side's kernel has, in order or not. Always 0 before Linux 4.18."""

    @property
    def carried(self) -> int:
        """Bytes in both directions since the connection was opened."""
        return self.acked + self.received
