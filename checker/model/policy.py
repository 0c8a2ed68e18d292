"""The numbers that the admin may set: times, limits, and the shared key."""

from __future__ import annotations

from dataclasses import dataclass, field

from checker.model.port_ranges import PortRanges

MOST_PORTS = 4000
"""Most ports that the shared key may open. OpenSSH 9.2 ignores a key line that permits 4,150."""


TEMPLATE_PORT = 55555
"""The port in the template of the original's files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """The one key that all devices of the original reversi share."""

    enabled: bool = False
    public_keys: tuple[str, ...] = ()
    ports: PortRanges = field(
        default=PortRanges((range(50000, 51000), range(TEMPLATE_PORT, TEMPLATE_PORT + 1)))
    )
    """The ports on which devices outside the registry may listen."""

    @property
    def open_ports(self) -> PortRanges:
        """`ports`, or none while the shared key is off."""
        return self.ports if self.enabled else PortRanges()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The numbers behind decisions: times in seconds, and counts."""

    probe_every_s: float = 20.0
    probe_beating_every_s: float = 60.0
    """The same while the tunnel's connection beats, unless its node has a number of its own."""
    deadline_s: float = 5.0
    strikes: int = 2
    strike_gap_s: float = 3.0
    starved_s: float = 1.0
    """A probe proves nothing if our own event loop was later than this meanwhile."""
    longest_wait_s: int = 60
    quiet_s: float = 600.0
    """After this long without a flap the count starts again at 0."""
    unkillable_every_s: float = 150.0
    """Seconds between probes of a hung port that we cannot free. Probed so rarely, the connection
    is idle enough for sshd's own ClientAlive to free it.
    """
    ports: PortRanges = field(default=PortRanges((range(20000, 30000),)))
