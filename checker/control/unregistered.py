"""Devices that came with the shared key and that the registry does not know."""

from __future__ import annotations

from collections.abc import Sequence

from checker.config.layout import Layout
from checker.model import Aim, Tunnel, Unregistered, by_place, seen_at
from checker.registry.nodes import Registry
from checker.state.errors import StateMissing
from checker.state.store import open_reader

UnregisteredTunnel = tuple[Unregistered, Tunnel]


def unregistered_tunnels(layout: Layout, registry: Registry) -> tuple[UnregisteredTunnel, ...]:
    """Each device with what was last seen of its port, by port; none if no daemon ran yet. Raises
    StateError.
    """
    try:
        state = open_reader(layout.state)
    except StateMissing:
        return ()
    try:
        found = state.unregistered()
        tunnels = by_place(state.tunnels()) if found else {}
    finally:
        state.close()
    return tuple(
        (one, seen_at((one.node, one.port), tunnels))
        for one in found
        if one.node not in registry.nodes and registry.owner(one.port) is None
    )


def aims_at(found: Sequence[UnregisteredTunnel], word: str) -> list[Aim]:
    """The forwards among these that NODE, NODE:PORT or PORT names."""
    return [
        Aim(node=one.node, port=one.port)
        for one, _ in found
        if word in (one.node, f"{one.node}:{one.port}", str(one.port))
    ]
