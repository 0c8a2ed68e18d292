"""What the kernel counts of one SSH connection's traffic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What the kernel knows of one established connection."""

    acked: int
    """Bytes that the other side's kernel acknowledged."""
    received: int
    heard_ago_s: float
    """Since the other side last sent data; acknowledgements and answers to window probes do not
    count.
    """
    queued: int = 0
    """Bytes written to the connection and not acknowledged yet."""
    rtt_s: float = 0.0
    rtt_varies_s: float = 0.0
    strays: int = 0
    """Segments that came out of order: data, but not received yet. 0 for ever before Linux 5.4."""
    delivered: int = 0
    """Segments that the other side's kernel has, also out of order. 0 for ever before Linux
    4.18.
    """

    @property
    def carried(self) -> int:
        """Bytes, both ways, since the connection was opened."""
        return self.acked + self.received
