"""The settings of a bundle, and their defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings that a device may need to change. Each is a line of the header, in capitals."""

    beat: str = "10"
    """Seconds between two beats."""
    misses: str = "1"
    """How many beats without an answer mean that the connection hangs."""
    quiet: str = "40"
    """How many seconds without moving data mean a hang during a transfer."""
    connect: str = "10"
    """Seconds to wait for each address; more on a link that was measured as slow."""
    setup: str = "3"
    """Beat periods to wait for a claim or a first answer; more on a slow link."""
    retry: str = "15"
    """The longest wait before the next try, in seconds."""
    first_wait: str = "0"
    """The wait before the first try, in seconds."""
    auth_wait: str = "300"
    """Seconds to wait after the gateway refused the key: sshd penalizes repeated failures."""
    trial: str = "180"
    """Seconds for an upgrade to get one good verdict."""
    client: str = ""
    """The SSH client; empty: OpenSSH's, else dropbear's."""
    started_by: str = ""
    """openwrt, systemd, macos, rclocal or cron; empty: detect it."""
    root: str = ""
    """A prefix for all system directories, for tests."""
