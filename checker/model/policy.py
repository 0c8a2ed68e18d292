"""The numbers that the admin may set: times, limits, and the shared key."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_PORTS = 4000
"""Of the shared key; OpenSSH 9.2 voids a key line that permits 4,150."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """The one key of all devices that the original reversi set up."""

    enabled: bool = False
    public_keys: tuple[str, ...] = ()
    ports: range = field(default=range(50000, 51000))
    """Where devices that are not registered may listen."""

    @property
    def open_ports(self) -> range:
        """The same, and none while it is off."""
        return self.ports if self.enabled else range(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The numbers that decisions are made by; all in seconds but the counts."""

    probe_every_s: float = 20.0
    deadline_s: float = 5.0
    strikes: int = 2
    strike_gap_s: float = 3.0
    starved_s: float = 1.0
    """A probe during which our own loop was later than this proves nothing."""
    longest_wait_s: int = 60
    quiet_s: float = 600.0
    """Without a flap for this long, the count begins anew."""
    unkillable_every_s: float = 150.0
    """Between probes of a hung port that we can not free: so seldom that sshd's own ClientAlive
    frees it as if it were idle.
    """
    ports: range = field(default=range(20000, 30000))
