"""The devices that the registry does not know, as commands show them."""

from __future__ import annotations

from collections.abc import Sequence

from checker.config.layout import Layout
from checker.model import Aim, Tunnel, Unregistered, by_place, seen_at
from checker.registry.nodes import Registry
from checker.state.errors import StateMissing
from checker.state.store import open_reader

Seen = tuple[Unregistered, Tunnel]


def unregistered_seen(layout: Layout, registry: Registry) -> tuple[Seen, ...]:
    """Each with what was last seen of it, by port; none where no daemon ran yet. Raises
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
    strangers = [
        one for one in found if one.node not in registry.nodes and registry.owner(one.port) is None
    ]
    return tuple((one, seen_at((one.node, one.port), tunnels)) for one in strangers)


def aims_at(seen: Sequence[Seen], word: str) -> list[Aim]:
    """Those of them that NODE, NODE:PORT or PORT names."""
    return [
        Aim(node=one.node, port=one.port)
        for one, _ in seen
        if word in (one.node, f"{one.node}:{one.port}", str(one.port))
    ]
