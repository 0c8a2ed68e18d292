"""Text forms of a connection's other side. Pure."""

from __future__ import annotations

from checker.model import printable


def peer_address(peer: str) -> str:
    """Return `ADDRESS PORT` of SSH_CONNECTION as ADDRESS:PORT, safe to show; empty if not known."""
    address, _, port = printable(peer).partition(" ")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}" if address else ""


def host_of(peer: str) -> str:
    """Return the address of ADDRESS:PORT, which is the same for all connections of a device."""
    return peer.rpartition(":")[0]
