"""What a node is that gets a key of its own: as the registry has it, or as its device named itself
over the shared key.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from checker.config.layout import Layout
from checker.control.unregistered import unregistered_seen
from checker.model import (
    SHARED_KEY,
    CheckerError,
    Forward,
    InvalidValue,
    Node,
    NodeName,
    Port,
    Target,
    parse_forward,
)
from checker.registry.nodes import Registry


class NotSeen(CheckerError):
    """No device of that name has come with the shared key."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no device calls itself {name!r}, and no node of that name waits for a key; see:"
            " reversi-checker node list"
        )


def to_be_adopted(
    targets: Sequence[str], layout: Layout, registry: Registry, name: NodeName
) -> Node:
    """The node as the registry has it, or as its device named itself. Raises NotSeen,
    CheckerError.
    """
    node = registry.nodes.get(name)
    if node is not None:
        if not node.is_shared:
            raise CheckerError(
                f"node {name} has a key of its own; for another one run: reversi-checker node rekey"
                f" {name}"
            )
        if targets:
            raise CheckerError(
                f"node {name} is registered, with its target; to change it run: reversi-checker"
                f" node set {name}"
            )
        return node
    forwards = tuple(
        one.forward for one, _ in unregistered_seen(layout, registry) if one.node == name
    )
    if not forwards:
        raise NotSeen(name)
    given = targets_in(targets, forwards)
    aimed = tuple(
        replace(forward, target=given.get(forward.port) or usual_target(forward))
        for forward in forwards
    )
    return Node(name=name, public_key=SHARED_KEY, forwards=aimed, added_at=int(time.time()))


def targets_in(given: Iterable[str], forwards: Sequence[Forward]) -> dict[Port, Target]:
    """The targets that were given, by port. Raises InvalidValue."""
    found: dict[Port, Target] = {}
    for text in given:
        request = parse_forward(text)
        port = request.port or (forwards[0].port if len(forwards) == 1 else None)
        if port not in {forward.port for forward in forwards}:
            ports = ", ".join(str(forward.port) for forward in forwards)
            raise InvalidValue(
                f"--target {text[:80]!r} is about none of the node's ports, {ports}; write"
                " PORT=HOST:PORT"
            )
        assert port is not None
        found[port] = request.target
    return found


def usual_target(forward: Forward) -> Target:
    """Where it leads if nobody says so. Raises InvalidValue where that can not be guessed."""
    if forward.expect.text.startswith("SSH"):
        return Target(host="127.0.0.1", port=Port(22))
    raise InvalidValue(
        f"the gateway does not know where port {forward.port} leads; say so: --target"
        f" {forward.port}=HOST:PORT"
    )
