"""What `doctor` knows of a gateway in a fleet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """A gateway in a fleet."""

    is_signing: bool = True
    signers: int = 1
    """Keys that may sign here."""
    open_paths: Sequence[str] = ()
    """What decides who may sign, or is secret, and others than its owner can write or read."""
    state: str | None = None
    """Of the unit that waits for the inbox, in systemd's word; None: there is none, or it is
    unknown.
    """
    unsigned: Sequence[str] = ()
    """Nodes that were changed here and not signed."""
    left_out: Sequence[str] = ()
    """Nodes of which a newer entry waits."""
    removed_by: str = ""
    """Who removed this gateway from the fleet; empty: nobody did, as far as is known here."""
    still_calls: bool = False
    """Whether it was removed, and a service of the bus runs."""
    trouble: str = ""
    """Why it could not be examined, as a sentence."""
