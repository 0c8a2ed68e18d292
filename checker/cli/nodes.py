"""The verbs `node list` and `show`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import compress

from checker.cli.answers import node_json, say_json, unregistered_json
from checker.cli.common import existing_registry, seen_tunnels
from checker.cli.dialog import warn
from checker.cli.exit_codes import ExitCode
from checker.cli.label_options import label_lines
from checker.cli.pinned import pin_lines, pins_json
from checker.cli.selection import add_filter, rows_to_show
from checker.cli.verbs import Verbs, add_json, add_verb
from checker.config.layout import Layout
from checker.control.applicant_list import waiting
from checker.control.key_readings import named
from checker.control.unregistered import UnregisteredTunnel, unregistered_tunnels
from checker.model import (
    Forward,
    InvalidValue,
    Node,
    NodeName,
    Port,
    Unregistered,
    joined,
    printable,
)
from checker.output import age, aligned, clock, day, say, today
from checker.registry.changes import kept_key_path
from checker.registry.kept_rights import BrokenFile
from checker.registry.pin_files import pins_of
from checker.registry.reasons import read_reason
from checker.registry.succession import old_key_note
from checker.rows.row import Row
from checker.state.errors import StateError
from checker.state.store import open_reader

HEADINGS = ("NODE", "PORT", "TARGET", "EXPECT", "KEY")
NOWHERE = ("-", "-", "-")


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    add_list(actions)
    add_show(actions)


def add_list(actions: Verbs) -> None:
    listing = add_verb(
        actions,
        "list",
        "list all nodes",
        "reversi-checker node list --json",
        "reversi-checker node list --filter tag:site-a",
    )
    add_filter(listing, "nodes")
    add_json(listing)
    listing.set_defaults(command=cmd_list)


def add_show(actions: Verbs) -> None:
    showing = add_verb(actions, "show", "show one node", "reversi-checker node show office")
    showing.add_argument("name", metavar="NODE")
    add_json(showing)
    showing.set_defaults(command=cmd_show)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What `node list` shows."""

    nodes: Sequence[Node]
    broken: Sequence[BrokenFile]
    unregistered: Sequence[UnregisteredTunnel]


def cmd_list(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = existing_registry(layout)
    listed = Listed(
        nodes=sorted(registry.nodes.values(), key=lambda node: node.name),
        broken=registry.broken_files,
        unregistered=unregistered_tunnels(layout, registry),
    )
    if args.filter is not None:
        listed = of_rows(listed, rows_to_show(layout, registry, args.filter))
    if args.json:
        say_json(
            nodes=[node_json(node, layout) for node in listed.nodes],
            unregistered=unregistered_json(listed.unregistered),
            broken=[one.as_json() for one in listed.broken],
        )
    else:
        say(aligned(list_rows(listed, time.time())))
    return ExitCode.OK


def of_rows(listed: Listed, rows: Collection[Row]) -> Listed:
    """Only the nodes, files and devices that these rows are about."""
    nodes = {row.seen.node for row in rows if not row.unregistered}
    devices = {row.key for row in rows if row.unregistered}
    return Listed(
        nodes=[node for node in listed.nodes if node.name in nodes],
        broken=[one for one in listed.broken if one.name in nodes],
        unregistered=[each for each in listed.unregistered if place_of(each[0]) in devices],
    )


def place_of(device: Unregistered) -> tuple[NodeName, Port]:
    return device.node, device.port


def list_rows(listed: Listed, now: float) -> list[tuple[str, ...]]:
    """The headings, and the cells of all rows: registered nodes, broken files, unregistered
    devices. The last columns are for tags and notes, each only if a node has one.
    """
    nodes = [
        (
            node.name,
            *place,
            key_state(node) + own_word(node.calls_itself),
            ", ".join(node.tags),
            node.note,
        )
        for node in listed.nodes
        for place in [(port_cell(f), str(f.target), str(f.expect)) for f in node.forwards]
        or [NOWHERE]
    ]
    broken = [(one.name, *NOWHERE, f"broken: {one.sentence}", "", "") for one in listed.broken]
    others = [
        (
            one.node,
            str(one.port),
            "-",
            str(one.expect),
            f"unregistered, last seen {age(one.last_at, now)} ago{own_word(one.calls_itself)}",
            "",
            "",
        )
        for one, _ in listed.unregistered
    ]
    rows = [(*HEADINGS, "TAGS", "NOTE"), *nodes, *broken, *others]
    shown = (
        *(True for _ in HEADINGS),
        any(node.tags for node in listed.nodes),
        any(node.note for node in listed.nodes),
    )
    return [tuple(compress(row, shown)) for row in rows]


def port_cell(forward: Forward) -> str:
    """Its port, and the port that it moves to, or that it leaves."""
    if forward.leaves_at:
        return f"{forward.port}, leaves"
    return (
        f"{forward.port}"
        if forward.next_port is None
        else f"{forward.port}, moves to {forward.next_port}"
    )


def key_state(node: Node) -> str:
    """Whether its key is valid, in a few words."""
    parts = [("the shared one" if node.is_shared else "valid") if node.enabled else "disabled"]
    if node.enabled and node.expires is not None:
        is_over = node.expires <= today()
        parts = [f"expired {node.expires}" if is_over else f"until {node.expires}"]
    return ", ".join([*parts, *(["a new one waits"] if node.next_key else [])])


def own_word(calls_itself: str) -> str:
    """What a device calls itself, as a clause after others; empty if that is its node's name."""
    return f", calls itself {printable(calls_itself)}" if calls_itself else ""


class StillWaits(InvalidValue):
    """A device asks to become the node that was named."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not a node yet: its device waits to be accepted; see: reversi-checker node"
            " pending"
        )


def cmd_show(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = existing_registry(layout)
    if args.name not in registry.nodes and any(one.name == args.name for one in waiting(layout)):
        raise StillWaits(args.name)
    node, broken = registry.node(args.name), registry.broken_file(args.name)
    client, pins = client_of(layout, node.name), pins_of(layout, node)
    if args.json:
        more = {"broken": broken.as_json()} if broken else {}
        say_json(
            node={
                **node_json(node, layout),
                "client": client or None,
                "pins": pins_json(pins),
                **more,
            }
        )
        return ExitCode.OK
    for line in show_lines(layout, node, broken):
        say(line)
    for line in pin_lines(pins):
        say(line)
    if client:
        say(f"client    {client}")
    for line in seen_lines(layout, node):
        say(line)
    return ExitCode.OK


def show_lines(layout: Layout, node: Node, broken: BrokenFile | None) -> Iterator[str]:
    """What the registry says about a node, and where its private key is kept."""
    if broken:
        yield f"broken    {broken.sentence}"
    yield f"node      {node.name}"
    if node.calls_itself:
        yield f"device    calls itself {printable(node.calls_itself)}"
    yield f"added     {clock(node.added_at)}"
    why = "" if node.enabled else read_reason(layout, node.name)
    yield f"state     {key_state(node)}{f': {why}' if why else ''}"
    yield from label_lines(node)
    if node.probe_beating_every_s is not None:
        yield f"probed    every {node.probe_beating_every_s:g} s while its tunnel beats"
    yield f"key       {node.public_key}"
    if node.next_key:
        yield (
            f"next key  {node.next_key}, the only one as soon as a tunnel with it beats;"
            f" {old_key_note(node)}"
        )
    kept = kept_key_path(layout, node.name)
    if kept.exists():
        yield f"kept      the private key is in {kept}"
    for forward in node.forwards:
        yield forward_line(forward)
        if forward.host_key:
            yield f"host key  {forward.port} {named(forward.host_key)}"
        for publication in forward.published:
            yield f"published port {publication} -> {forward.port}"


def forward_line(forward: Forward) -> str:
    deadline = "" if forward.deadline_s is None else f", within {forward.deadline_s:g} s"
    public = ", on all addresses" if forward.public else ""
    moves = (
        ""
        if forward.next_port is None
        else f", moves to port {forward.next_port} since {day(forward.next_port_at)}"
    )
    leaves = (
        f", leaves since {day(forward.leaves_at)}, as soon as its device no longer listens there"
        if forward.leaves_at
        else ""
    )
    return (
        f"forward   {forward.port} -> {forward.target}, expecting"
        f" {forward.expect}{deadline}{public}{moves}{leaves}"
    )


def client_of(layout: Layout, name: NodeName) -> str:
    """How the client of the node's newest connection identified itself; empty if unknown."""
    try:
        with closing(open_reader(layout.state)) as state:
            return next(
                (one.client for one in reversed(state.registrations()) if one.node == name), ""
            )
    except StateError:
        return ""


def seen_lines(layout: Layout, node: Node) -> Iterator[str]:
    """What was last seen of its forwards."""
    try:
        seen, _ = seen_tunnels(layout)
    except StateError as error:
        warn(error)
        return
    for forward, tunnel in joined(node.forwards, seen):
        if tunnel.detail or tunnel.probed_at is not None:
            detail = f": {tunnel.detail}" if tunnel.detail else ""
            yield f"seen      {forward.port} {tunnel.status}{detail}"
