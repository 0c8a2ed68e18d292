"""Decide by a connection's traffic whether an unanswered probe may still be on its way. Pure.

Measured with OpenSSH 9.2 over 256 kbit/s with a queue of 64 kB: after SIGSTOP of `ssh -R` the
device's kernel went on acknowledging for 14 s (390 kB that sshd had written) and, of an upload,
sending for 14 s (420 kB that ssh had written). So acknowledgements do not prove life: they
only show that a probe may still be on its way.

After a loss, what follows waits for the lost segment, and that waits behind the whole queue of the
link: 125 s for 1 MB at 64 kbit/s. Until then the kernel counts nothing as received and nothing as
acknowledged. So what comes and goes out of order is counted too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from checker.model import Flow

SENDS = "its device still sends"
"""The sign of life that the kernel gives, as a clause."""
QUEUE_COUNTS = 4096
"""Bytes. Probes and visitors of a dead tunnel leave less than this behind, and less passes the
slowest link before the deadline.
"""
SSHD_HOLDS = 256 << 10
"""Bytes that sshd itself may hold back beside the socket's queue, ahead of a new channel."""
UPLOAD_COUNTS = 16 << 10
STRAYS_COUNT = 12
"""Segments, about as many bytes."""
DEVICE_HOLDS = 4 << 20
"""Bytes that a device may have written ahead of its answer: the most that Linux buffers for one
socket.
"""
UPLOAD_EXCUSES_S = 300.0
"""Seconds; longer than 1 MB takes at 64 kbit/s."""
DOWNLOAD_EXCUSES_S = 600.0
"""Seconds since the device last sent anything. The kernel of a frozen device keeps taking data
until its buffer is full: 6 MB by default, 13 minutes at 64 kbit/s. A living device answers what
arrives; with 1 MB queued at that rate, data that was lost twice arrives after 250 s.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """How long a connection was silent, at the end of a probe without an answer."""

    heard_ago_s: float
    """Since its device last sent data."""
    since_s: float
    """Since the first of the silent probes began."""
    probe_s: float
    """Since this probe began."""

    @property
    def broken(self) -> bool:
        """Whether the device sent something since the first silent probe began."""
        return self.heard_ago_s <= self.since_s

    def lasts(self, deadline_s: float) -> bool:
        """Whether the silence is as long as a whole deadline."""
        return self.heard_ago_s >= deadline_s

    def began_anew(self, deadline_s: float) -> bool:
        """Whether the device sent something, but not during this probe."""
        return self.broken and self.lasts(deadline_s) and self.heard_ago_s > self.probe_s

    def is_slow(self, deadline_s: float) -> bool:
        """Whether what the device sent may be a late answer, and not the prompt opening of a
        channel whose target is silent.
        """
        return self.broken and (self.since_s > self.probe_s or self.heard_ago_s < 0.75 * deadline_s)


def behind(earlier: Flow, later: Flow, kept_s: float = 0.0) -> str:
    """Return what a probe under way at both moments waits behind, as a clause; empty if an answer
    is overdue.

    `kept_s` is how long earlier probes have been excused: an upload may hide a target that is
    silent by itself. A download does not excuse a device that has been silent for long: perhaps
    only its kernel takes the data.
    """
    acked, received = later.acked - earlier.acked, later.received - earlier.received
    taken = acked > 0 or later.delivered > earlier.delivered
    lives = later.heard_ago_s < DOWNLOAD_EXCUSES_S
    if later.queued >= QUEUE_COUNTS and taken and lives and acked < earlier.queued + SSHD_HOLDS:
        return f"the probe waits behind {later.queued // 1000} kB on their way to the device"
    if UPLOAD_COUNTS <= received < DEVICE_HOLDS and kept_s < UPLOAD_EXCUSES_S:
        return f"the answer waits behind what the device sends, {received // 1000} kB so far"
    if later.strays - earlier.strays >= STRAYS_COUNT and kept_s < UPLOAD_EXCUSES_S:
        return "the answer waits behind data that the device sends again, as the link lost some"
    return ""


def strayed(earlier: Mapping[str, Flow], later: Mapping[str, Flow]) -> frozenset[str]:
    """Return the connections on which data came out of order between two readings; the kernel does
    not count it in `heard_ago_s`.
    """
    return frozenset(
        peer
        for peer, flow in later.items()
        if peer in earlier and flow.strays > earlier[peer].strays
    )


def heard(
    flows: Mapping[str, Flow], strayed_at: Mapping[str, float], now: float
) -> dict[str, Flow]:
    """Return the flows with data that came out of order counted as heard; moments are monotonic."""
    return {
        peer: (
            replace(flow, heard_ago_s=min(flow.heard_ago_s, now - strayed_at[peer]))
            if peer in strayed_at
            else flow
        )
        for peer, flow in flows.items()
    }
