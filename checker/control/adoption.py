"""Give a node of the shared key a key of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.control.client_files import KeyFiles, KeyWish, key_files
from checker.control.node_changes import ChangedMeanwhile
from checker.control.notices import Report, notify
from checker.control.unregistered import UnregisteredTunnel, unregistered_tunnels
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
    Unregistered,
    parse_forward,
    printable,
)
from checker.nearest import did_you_mean
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import change, refuse_conflict
from checker.registry.edits import rekeyed, with_target
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the admin says about the node's forwards."""

    targets: Sequence[str] = ()
    """[PORT=]HOST:PORT each."""
    ports: frozenset[Port] = frozenset()
    """Of the ports on which devices came with its name, these are the node's; empty: all."""


def adopt(  # noqa: PLR0913 - what is wanted, of whom, and whether only to say it
    layout: Layout,
    config: Config,
    choice: Choice,
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
    present = to_be_adopted(choice, layout, registry, name)
    keys = key_files(replace(wish, name=name), layout, config)
    after = rekeyed(present, keys.public, now=False)
    if is_dry:
        refuse_conflict(layout, name, after, registry)
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


def to_be_adopted(choice: Choice, layout: Layout, registry: Registry, name: NodeName) -> Node:
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
        if choice.ports:
            raise InvalidValue(f"node {name} is registered, with its ports; leave --port out")
        return with_targets(node, choice.targets)
    devices = devices_named(choice, unregistered_tunnels(layout, registry), registry, name)
    forwards = tuple(one.forward for one in devices)
    given = targets_in(choice.targets, forwards)
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


def devices_named(
    choice: Choice, found: Sequence[UnregisteredTunnel], registry: Registry, name: NodeName
) -> list[Unregistered]:
    """The device of that name, once for each of its ports. Raises NotSeen, InvalidValue,
    CheckerError if they are several devices.
    """
    named = [(one, seen) for one, seen in found if one.node == name]
    if not named:
        waiting = [one.name for one in registry.nodes.values() if one.is_shared]
        raise NotSeen(name, (*(one.node for one, _ in found), *waiting))
    words = {one.word for one, _ in named}
    if len(words) > 1:
        raise CheckerError(
            f"the name {name} stands for devices that call themselves"
            f" {', '.join(map(printable, sorted(words)))}; import one of them from a file with:"
            " reversi-checker node import FILE --name NAME"
        )
    if not choice.ports:
        refuse_several(name, {one.port: host_in(seen.peer) for one, seen in named})
    chosen = [one for one, _ in named if not choice.ports or one.port in choice.ports]
    missing = choice.ports.difference(one.port for one in chosen)
    if missing:
        raise InvalidValue(f"no device of the name {name} listens on port {min(missing)}")
    return chosen


def refuse_several(name: NodeName, hosts: Mapping[Port, str]) -> None:
    """Raise CheckerError if devices at different addresses have this name: one key cannot serve
    both. `hosts`: the address of each port's device, empty if unknown.
    """
    if len({host for host in hosts.values() if host}) > 1:
        places = ", ".join(f"port {port} at {host or '?'}" for port, host in sorted(hosts.items()))
        raise CheckerError(
            f"devices at different addresses call themselves {name}: {places}; if they are two,"
            " adopt one with --port PORT, and import the other from its file with --name; if they"
            " are one, name each port with --port"
        )


def host_in(peer: str | None) -> str:
    """The address in ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT."""
    found = re.fullmatch(r"\[(.*)\]:\d+|([^:]*):\d+|(.*)", peer or "")
    return (found[1] or found[2] or found[3] or "") if found else ""


def with_targets(node: Node, targets: Sequence[str]) -> Node:
    """The registered node; a target that is given replaces the registered one. Raises
    InvalidValue.
    """
    given = targets_in(targets, node.forwards)
    aimed = (
        with_target(forward, given.get(forward.port, forward.target)) for forward in node.forwards
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
