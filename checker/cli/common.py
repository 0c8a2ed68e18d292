"""What several verbs share: reading registry and state, asking for consent, narrating."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from checker.config.layout import Layout, refuse_missing
from checker.config.toml_file import ConfigError
from checker.control.unregistered import Seen
from checker.model import Aim, InvalidValue, Node, Tunnel, Verb, parse_port, tunnel_json
from checker.output import age
from checker.registry.changes import kept_key_path
from checker.registry.last_good import read_known
from checker.registry.nodes import Registry
from checker.state.errors import StateMissing
from checker.state.rows import Sweep
from checker.state.store import open_reader

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name
"""What verbs are added to."""


def registry_of(layout: Layout) -> Registry:
    """The registry; what of it can not be read is told on stderr. Raises ConfigError."""
    registry = read_known(layout)
    others = filter(None, (registry.freed_trouble, registry.unknown_keys))
    for problem in (*registry.problems, *others):
        print(f"reversi-checker: warning: {problem}", file=sys.stderr)
    return registry


def registry_there(layout: Layout) -> Registry:
    """The same, for those who only read: a gateway that is not there, or lost its registry, is told
    of. Raises NoGateway, ConfigError.
    """
    refuse_missing(layout)
    if layout.state.exists() and not layout.nodes.exists():
        raise ConfigError(
            layout.nodes,
            "is gone, though this gateway ran before; bring the nodes' files back, or make an empty"
            " directory",
        )
    return registry_of(layout)


def what_was_seen(layout: Layout) -> tuple[tuple[Tunnel, ...], Sweep | None]:
    """All tunnels of the state file, and its last sweep; nothing where there is no file yet. Raises
    StateError.
    """
    try:
        state = open_reader(layout.state)
    except StateMissing as missing:
        print(f"reversi-checker: warning: {missing}", file=sys.stderr)
        return (), None
    try:
        return state.tunnels(), state.last_sweep()
    finally:
        state.close()


def aims_for(registry: Registry, word: str) -> list[Aim]:
    """The forwards that a word names: a node's all, or one by port. Raises CheckerError."""
    name, colon, port = word.rpartition(":")
    if not colon and word not in registry.nodes and word.isdigit():
        owner = registry.owner(parse_port(word))
        if owner is None:
            raise InvalidValue(f"port {word} belongs to no node; see: reversi-checker node list")
        name, port = owner.name, word
    node = registry.node(name or word)
    found = [
        Aim(node=node.name, port=forward.port)
        for forward in node.forwards
        if not name or port in map(str, forward.ports)
    ]
    if not found:
        raise InvalidValue(
            f"node {node.name} has no port {port}; see: reversi-checker node show {node.name}"
        )
    return found


def confirmed(args: argparse.Namespace, verb: Verb, aims: Sequence[Aim]) -> bool:
    """Whether to go on with this verb."""
    return agreed(args, f"{verb} {', '.join(f'{aim.node}:{aim.port}' for aim in aims)}")


def agreed(args: argparse.Namespace, what: str) -> bool:
    """Whether to go on: asked at a terminal, unless `--yes`."""
    if args.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print(f"{what}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def narrate(text: str) -> None:
    """What the admin should know besides."""
    print(text, file=sys.stderr)


def node_json(node: Node, layout: Layout) -> dict[str, Any]:
    """The documented shape of a node."""
    return {
        "name": node.name,
        "public_key": node.public_key,
        "next_key": node.next_key,
        "next_key_at": node.next_key_at or None,
        "key_kept": kept_key_path(layout, node.name).exists(),
        "added_at": node.added_at,
        "enabled": node.enabled,
        "expires": node.expires,
        "forwards": [
            {
                "port": forward.port,
                "next_port": forward.next_port,
                "next_port_at": forward.next_port_at or None,
                "target": str(forward.target),
                "expect": str(forward.expect),
                "deadline_s": forward.deadline_s,
                "public": forward.public,
                "published": [asdict(publication) for publication in forward.published],
            }
            for forward in node.forwards
        ],
    }


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
