"""The devices that the registry does not know, as commands show them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from checker.config import Layout
from checker.control import Aim
from checker.model import Tunnel, Unregistered, tunnel_json
from checker.registry import Registry
from checker.store import StateMissing, open_reader
from checker.table import age

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
        tunnels = (
            {(tunnel.node, tunnel.port): tunnel for tunnel in state.tunnels()} if found else {}
        )
    finally:
        state.close()
    strangers = [
        one for one in found if one.node not in registry.nodes and registry.owner(one.port) is None
    ]
    return tuple(
        (one, tunnels.get((one.node, one.port)) or Tunnel(node=one.node, port=one.port))
        for one in strangers
    )


def aims_at(seen: Sequence[Seen], word: str) -> list[Aim]:
    """Those of them that NODE, NODE:PORT or PORT names."""
    return [
        Aim(node=one.node, port=one.port)
        for one, _ in seen
        if word in (one.node, f"{one.node}:{one.port}", str(one.port))
    ]


def unregistered_json(seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """The documented shape: a tunnel's, with when the device was first and last heard of."""
    return [
        {
            **tunnel_json(one.forward, tunnel),
            "target": None,
            "first_at": one.first_at,
            "last_at": one.last_at,
        }
        for one, tunnel in seen
    ]


def unregistered_rows(seen: Sequence[Seen]) -> list[tuple[str, ...]]:
    """Cells of `node list`: node, port, target, expect, key."""
    now = time.time()
    return [
        (
            one.node,
            str(one.port),
            "-",
            str(one.expect),
            f"unregistered, last heard of {age(one.last_at, now)} ago",
        )
        for one, _ in seen
    ]
