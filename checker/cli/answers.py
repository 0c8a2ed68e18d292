"""The JSON documents that verbs print, in the shapes that the docs describe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from checker.config.layout import Layout
from checker.control.unregistered import UnregisteredTunnel
from checker.model import Forward, Node, tunnel_json
from checker.output import say
from checker.registry.changes import kept_key_path


def say_json(**parts: Any) -> None:
    """Print one document. Raises NotPrinted, BrokenPipeError."""
    say(json.dumps({"schema": 1, **parts}, indent=2))


def node_json(node: Node, layout: Layout) -> dict[str, Any]:
    """A node, without what was seen of it."""
    return {
        "name": node.name,
        **about_node(node),
        "public_key": node.public_key,
        "next_key": node.next_key,
        "next_key_at": node.next_key_at or None,
        "key_kept": kept_key_path(layout, node.name).exists(),
        "added_at": node.added_at,
        "enabled": node.enabled,
        "expires": node.expires,
        "probe_beating_every_s": node.probe_beating_every_s,
        "forwards": [forward_json(forward) for forward in node.forwards],
    }


def about_node(node: Node) -> dict[str, Any]:
    """What a node is known by, besides its name."""
    return {
        "calls_itself": node.calls_itself or None,
        "tags": list(node.tags),
        "note": node.note or None,
    }


def forward_json(forward: Forward) -> dict[str, Any]:
    return {
        "port": forward.port,
        "next_port": forward.next_port,
        "next_port_at": forward.next_port_at or None,
        "leaves_at": forward.leaves_at or None,
        "target": str(forward.target),
        "expect": str(forward.expect),
        "deadline_s": forward.deadline_s,
        "public": forward.public,
        "published": [asdict(publication) for publication in forward.published],
        "host_key": forward.host_key or None,
    }


def unregistered_json(found: Sequence[UnregisteredTunnel]) -> list[dict[str, Any]]:
    """Tunnels of devices that are not registered, with when each was first and last seen."""
    return [
        {
            **tunnel_json(one.forward, tunnel),
            "target": None,
            "calls_itself": one.calls_itself or None,
            "first_at": one.first_at,
            "last_at": one.last_at,
        }
        for one, tunnel in found
    ]
