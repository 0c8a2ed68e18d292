"""What was last seen of a forward that is down."""

from __future__ import annotations

from dataclasses import dataclass

from checker.model.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """When a forward was last up, and whose its node's last connection was."""

    was_up: bool = False
    """Whether it was ever up."""
    up_until: float | None = None
    """Unix seconds; None: unknown."""
    connected_at: float | None = None
    peer: str = ""
    client: str = ""
    """Program and version; empty: unknown."""
    refused: Event | None = None
    """The last time that the node was refused, if it has not connected since."""
