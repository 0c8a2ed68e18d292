"""What several verbs read: the registry, the state file, and the forwards that a word names."""

from __future__ import annotations

from checker.cli.dialog import show_note, warn
from checker.config.layout import Layout, has_mirrors, refuse_missing
from checker.config.toml_file import ConfigError
from checker.control.notices import known_registry
from checker.model import Aim, InvalidValue, NodeName, Tunnel, parse_port
from checker.registry.nodes import Registry
from checker.state.errors import StateMissing
from checker.state.rows import Sweep
from checker.state.store import open_reader


def registry_of(layout: Layout) -> Registry:
    """Read the registry, and warn about what cannot be read of it. Raises ConfigError."""
    return known_registry(layout, show_note)


def existing_registry(layout: Layout) -> Registry:
    """Read the registry for a verb that only shows or acts, and so must not take a missing one for
    an empty one. Raises NoGateway, ConfigError.
    """
    refuse_missing(layout)
    if layout.state.exists() and not layout.nodes.exists():
        raise ConfigError(
            layout.nodes,
            "is gone, though this gateway ran before; restore the nodes' files, or make an empty"
            " directory",
        )
    return registry_of(layout)


def seen_tunnels(layout: Layout) -> tuple[tuple[Tunnel, ...], Sweep | None]:
    """All tunnels in the state file, and its last sweep; none before it exists, as on a machine
    that only watches a fleet. Raises StateError.
    """
    try:
        state = open_reader(layout.state)
    except StateMissing as missing:
        if not has_mirrors(layout):
            warn(missing)
        return (), None
    try:
        return state.tunnels(), state.last_sweep()
    finally:
        state.close()


def aims_for(registry: Registry, word: str) -> list[Aim]:
    """The forwards that NODE, NODE:PORT or PORT names, at least one. Raises CheckerError."""
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


def all_aims(registry: Registry, name: NodeName) -> list[Aim]:
    """All forwards of a node; none if it is unknown or has none."""
    node = registry.nodes.get(name)
    return [Aim(node=name, port=forward.port) for forward in node.forwards] if node else []
