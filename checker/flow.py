"""What moves on an SSH connection, and what that says of a probe that is not answered yet. Pure.

Measured with OpenSSH 9.2 over 256 kbit/s with a queue of 64 kB: after SIGSTOP of `ssh -R` the device's kernel went on acknowledging for
14 s (390 kB that sshd had written) and, of an upload, sending for 14 s (420 kB that ssh had written). So acknowledgements are no sign
of life by themselves: they only show that a probe may still be on its way.
"""

from __future__ import annotations

from dataclasses import dataclass

QUEUE_COUNTS = 4096
"""Bytes; less is what probes and visitors of a dead tunnel leave behind, and passes the slowest link before the deadline."""
SSHD_HOLDS = 256 << 10
"""Bytes that sshd itself may hold back beside the socket's queue, ahead of a new channel."""
UPLOAD_COUNTS = 16 << 10
DEVICE_HOLDS = 4 << 20
"""Bytes that a device may have written ahead of its answer: the most that Linux buffers for one socket."""

JITTER_S = 0.05
"""The kernel's clock of a connection is this coarse, at most."""
UPLOAD_EXCUSES_S = 300.0
"""Longer than 1 MB at 64 kbit/s takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What the kernel knows of one established connection."""

    acked: int
    """Bytes that the other side's kernel acknowledged."""
    received: int
    heard_ago_s: float
    """Since the other side last sent data; acknowledgements and answers to window probes do not count."""
    queued: int = 0
    """Bytes written to the connection and not acknowledged yet."""
    rtt_s: float = 0.0
    rtt_varies_s: float = 0.0

    @property
    def carried(self) -> int:
        """Bytes, both ways, since the connection was opened."""
        return self.acked + self.received


def silent_again(heard_ago_s: float | None, since_s: float, deadline_s: float) -> bool:
    """Whether the device sent something in the last `since_s` seconds, but nothing in the last deadline."""
    return heard_ago_s is not None and deadline_s <= heard_ago_s < since_s - JITTER_S


def behind(earlier: Flow, later: Flow, kept_s: float = 0.0) -> str:
    """What a probe under way at both moments waits behind, as a clause; empty if it should have been answered.

    `kept_s` is how long earlier probes have been excused already: an upload may hide a target that is silent by itself.
    """
    acked, received = later.acked - earlier.acked, later.received - earlier.received
    if later.queued >= QUEUE_COUNTS and 0 < acked < earlier.queued + SSHD_HOLDS:
        return f"the probe waits behind {later.queued // 1000} kB on their way to the device"
    if UPLOAD_COUNTS <= received < DEVICE_HOLDS and kept_s < UPLOAD_EXCUSES_S:
        return f"the answer waits behind what the device sends, {received // 1000} kB so far"
    return ""
