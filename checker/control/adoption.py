"""Give a node of the shared key a key of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.control.client_files import KeyFiles, KeyWish, key_files
from checker.control.node_changes import ChangedMeanwhile
from checker.control.notices import Report, notify
from checker.control.unregistered import unregistered_tunnels
from checker.model import (
    OPEN,
    SHARED_KEY,
    CheckerError,
    Forward,
    InvalidValue,
    Node,
    NodeName,
    Port,
    Target,
    parse_forward,
    printable,
)
from checker.nearest import did_you_mean
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import change, refuse_conflict
from checker.registry.edits import rekeyed
from checker.registry.lock import locked
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry
from checker.sshd.keygen import make_host_key

ADOPTED = (
    "adopted: its own key waits; the shared key opens its ports until a tunnel with its own beats"
)


class NotSeen(CheckerError):
    """No device of that name has come with the shared key."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        hint = did_you_mean(name, known) or ";"
        super().__init__(
            f"no device calls itself {name[:80]!r}, and no node of that name waits for a key{hint}"
            " see: reversi-checker node list"
        )


def adopt(  # noqa: PLR0913 - what is wanted, of whom, and whether only to say it
    layout: Layout,
    config: Config,
    targets: Sequence[str],
    wish: KeyWish,
    report: Report,
    *,
    is_dry: bool = False,
) -> tuple[Node, KeyFiles, list[Path]]:
    """Give the node of the wish its key; the node, the key, and the files that were written for its
    device; with `is_dry` only what would be. Raises NotSeen, ChangedMeanwhile, CheckerError.
    """
    registry = read_registry(layout.nodes)
    name = name_meant(layout, registry, wish.name)
    present = to_be_adopted(targets, layout, registry, name)
    keys = key_files(replace(wish, name=name), layout, config)
    after = rekeyed(present, keys.public, now=False)
    if is_dry:
        refuse_conflict(layout, name, after)
        keys.refuse_existing(name)
        return after, keys, list(keys.places)
    if layout.home is not None:
        make_host_key(layout.host_key)
    with locked(layout):
        if read_registry(layout.nodes).nodes.get(name) not in (None, registry.nodes.get(name)):
            raise ChangedMeanwhile(name)
        with keys.handed_over(after) as written:
            change(layout, name, after, gate_command(layout))
    notify(layout, name, [(forward.port, ADOPTED) for forward in after.forwards], report)
    return after, keys, written


def name_meant(layout: Layout, registry: Registry, text: str) -> NodeName:
    """The node of that name, or the only one whose device calls itself that. Raises NotSeen,
    CheckerError if there are several.
    """
    seen = [one for one, _ in unregistered_tunnels(layout, registry)]
    if text in registry.nodes or any(one.node == text for one in seen):
        return NodeName(text)
    same = [node.name for node in registry.nodes.values() if node.calls_itself == text]
    same += [one.node for one in seen if one.word == text]
    if not same:
        waiting = [node.name for node in registry.nodes.values() if node.is_shared]
        raise NotSeen(text, (*waiting, *(one.node for one in seen), *(one.word for one in seen)))
    if len(same) > 1:
        raise CheckerError(
            f"{len(same)} devices call themselves {printable(text)}: {', '.join(same)}; name one of"
            " these nodes"
        )
    return same[0]


def to_be_adopted(
    targets: Sequence[str], layout: Layout, registry: Registry, name: NodeName
) -> Node:
    """The node as it is registered, or as its device introduced itself, with these targets. Raises
    NotSeen, CheckerError.
    """
    node = registry.nodes.get(name)
    if node is not None:
        if not node.is_shared:
            raise CheckerError(
                f"node {name} has a key of its own; to replace it, run: reversi-checker node rekey"
                f" {name}"
            )
        return with_targets(node, targets)
    found = unregistered_tunnels(layout, registry)
    devices = [one for one, _ in found if one.node == name]
    if not devices:
        waiting = [one.name for one in registry.nodes.values() if one.is_shared]
        raise NotSeen(name, (*(one.node for one, _ in found), *waiting))
    if len({one.word for one in devices}) > 1:
        words = ", ".join(sorted(printable(one.word) for one in devices))
        raise CheckerError(
            f"the name {name} stands for devices that call themselves {words}; import one of them"
            " from a file with: reversi-checker node import FILE --name NAME"
        )
    forwards = tuple(one.forward for one in devices)
    given = targets_in(targets, forwards)
    aimed = tuple(
        replace(forward, target=given.get(forward.port) or usual_target(forward))
        for forward in forwards
    )
    return Node(
        name=name,
        public_key=SHARED_KEY,
        forwards=aimed,
        added_at=int(time.time()),
        calls_itself=devices[0].calls_itself,
    )


def with_targets(node: Node, targets: Sequence[str]) -> Node:
    """The registered node; a target that is given replaces the registered one. Raises
    InvalidValue.
    """
    given = targets_in(targets, node.forwards)
    aimed = (
        replace(forward, target=given.get(forward.port, forward.target))
        for forward in node.forwards
    )
    return replace(node, forwards=tuple(aimed))


def targets_in(given: Iterable[str], forwards: Sequence[Forward]) -> dict[Port, Target]:
    """The targets that were given, [PORT=]HOST:PORT each, by port. Raises InvalidValue."""
    found: dict[Port, Target] = {}
    for text in given:
        request = parse_forward(text)
        if request.expect != OPEN or request.public:
            raise InvalidValue(f"--target {text[:80]!r} says too much; write [PORT=]HOST:PORT")
        port = request.port or (forwards[0].port if len(forwards) == 1 else None)
        if port not in {forward.port for forward in forwards}:
            ports = ", ".join(str(forward.port) for forward in forwards)
            raise InvalidValue(
                f"--target {text[:80]!r} does not name one of the node's ports, {ports}; write"
                " PORT=HOST:PORT"
            )
        assert port is not None
        found[port] = request.target
    return found


def usual_target(forward: Forward) -> Target:
    """The target of a forward if none is given. Raises InvalidValue if it cannot be guessed."""
    if forward.expect.text.startswith("SSH"):
        return Target(host="127.0.0.1", port=Port(22))
    raise InvalidValue(
        f"the gateway does not know where port {forward.port} leads; give --target"
        f" {forward.port}=HOST:PORT"
    )
