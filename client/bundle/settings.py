"""What may differ between bundles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What may differ between devices, and what it is for almost all. Each is a line of the header,
    in capitals.
    """

    beat: str = "10"
    """Seconds between two beats."""
    misses: str = "1"
    """So many beats without an answer: the connection hangs."""
    quiet: str = "40"
    """Seconds without a byte that moves, during a transfer: the connection hangs."""
    connect: str = "10"
    """Seconds that the client may wait for each address; longer on a link that proved to be
    slow.
    """
    setup: str = "3"
    """Beats that a claim, or a first answer, may take; more on a link that proved to be slow."""
    retry: str = "15"
    """Seconds between two tries, at most."""
    first_wait: str = "0"
    """Seconds before the first try."""
    auth_wait: str = "300"
    """Seconds after the gateway refused the key; sshd punishes repeated failures."""
    trial: str = "180"
    """Seconds that an upgrade has for one good verdict."""
    client: str = ""
    """The SSH client; empty: OpenSSH's, else dropbear's."""
    started_by: str = ""
    """openwrt, systemd, macos, rclocal or cron; empty: as found."""
    root: str = ""
    """Put before the directories of the system."""
