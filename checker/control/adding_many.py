"""Register the nodes of a table: all of them, or none."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from checker.config.layout import Layout
from checker.config.settings import Config, load_config
from checker.config.toml_file import ConfigError
from checker.control.client_files import refuse_kept_key, unused
from checker.control.importing import write_nodes
from checker.control.notices import Report, known_registry, log_many, warn
from checker.control.registering import TakenElsewhere, freed_warnings
from checker.control.table_plan import conflicts, keys_elsewhere, nodes_of
from checker.control.written_files import Files, taken_back_if_it_fails
from checker.haproxy.publish import tell_haproxy
from checker.model import KeyType, Node, NodeName, Note
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import kept_key_path, remove
from checker.registry.imported import Remark
from checker.registry.lock import locked, refuse_others
from checker.registry.node_table import MOST_BYTES, TableNode, read_table
from checker.registry.nodes import Registry
from checker.registry.publications import needs_root
from checker.registry.reading import read_registry
from checker.sshd.keygen import make_host_key, pair_in_memory

if TYPE_CHECKING:
    from checker.registry.claims import Refusal

STDIN = Path("-")
Keys = Mapping[NodeName, tuple[bytes, str]]
"""The private and the public key of each node that gets new ones."""
Steps = Callable[[int], contextlib.AbstractContextManager[Callable[[str], None]]]
"""Begins to show the progress of so many steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWish:
    """Which table, and what the admin wants for all of its nodes."""

    path: Path
    """`-`: standard input."""
    folder: Path
    """Where the private keys go, NAME.key each."""
    kind: KeyType = KeyType.ED25519
    """Of new keys whose line names no type."""
    keep: bool = False
    """Keep the private keys in the registry too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was read before the registry is locked."""

    layout: Layout
    config: Config
    wish: TableWish
    wanted: tuple[TableNode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A node of the table."""

    line: int
    node: Node
    """Its public key is empty as long as its key is not made."""
    key: Path | None
    """The file for its private key; None: it has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """What became of a table: nodes, or the reasons why there are none."""

    nodes: tuple[Added, ...] = ()
    problems: tuple[Remark, ...] = ()


def add_table(
    layout: Layout, wish: TableWish, report: Report, steps: Steps, *, is_dry: bool
) -> Adding:
    """Register all nodes of the table and write their private keys, or find out why not; with
    `is_dry` only look. Raises CheckerError.
    """
    table = read_table(content_of(wish.path))
    config = load_config(layout.config)
    refuse_kept_key(config, is_kept=wish.keep)
    order = Order(layout=layout, config=config, wish=wish, wanted=table.nodes)
    registry = known_registry(layout, report)
    adding = planned(order, registry, before=table.problems)
    if is_dry and not adding.problems:
        advise(order, adding, registry, report)
    if is_dry or adding.problems:
        return adding
    refuse_others(layout)
    with taken_back_if_it_fails() as files:
        keys = new_keys(order, adding, files, steps)
        with locked(layout):
            if layout.home is not None:
                make_host_key(layout.host_key)
            registry = read_registry(layout.nodes)
            again = planned(order, registry)
            if again.problems:  # somebody changed nodes meanwhile
                files.undo()
                return again
            adding = with_keys(again, adding, keys)
            keep_keys(layout, adding, keys if wish.keep else {}, files)
            with steps(len(adding.nodes)) as step:
                write_nodes(layout, [one.node for one in adding.nodes], step)
    advise(order, adding, registry, report)
    take_back(layout, adding, tell(layout, adding, report))
    return adding


def take_back(layout: Layout, adding: Adding, refused: Mapping[NodeName, Refusal]) -> None:
    """Remove those again for which another gateway of the fleet was quicker. Raises
    TakenElsewhere.
    """
    if not refused:
        return
    with locked(layout):
        present = read_registry(layout.nodes).nodes
        for one in adding.nodes:
            if one.node.name in refused and one.node.name in present:
                remove(layout, one.node.name, gate_command(layout))
                if one.key is not None:
                    one.key.unlink(missing_ok=True)
    for name, refusal in refused.items():
        raise TakenElsewhere(name, refusal, others=len(refused) - 1)


def planned(order: Order, registry: Registry, *, before: Sequence[Remark] = ()) -> Adding:
    """Return the nodes with their ports and files, or all reasons why not; `before`: those that the
    table gives itself. Raises PortsUsedUp, ConfigError.
    """
    wanted, elsewhere = order.wanted, keys_elsewhere(order.layout, order.config)
    problems = [*before, *conflicts(wanted, registry, elsewhere)]
    if problems:
        return Adding(problems=tuple(sorted(problems, key=lambda one: one.line)))
    found = []
    paths: set[Path] = set()
    for one, node in zip(wanted, nodes_of(wanted, registry, order.config), strict=True):
        path = None if one.public_key else unused(order.wish.folder, node.name, paths)
        paths |= {path} if path else set()
        found.append(Added(line=one.line, node=node, key=path))
    return Adding(nodes=tuple(found))


def new_keys(order: Order, adding: Adding, files: Files, steps: Steps) -> Keys:
    """Make a pair for each node without a key, and write the private ones. Raises CheckerError."""
    keys: dict[NodeName, tuple[bytes, str]] = {}
    lacking = [
        (one.key, row) for one, row in zip(adding.nodes, order.wanted, strict=True) if one.key
    ]
    with steps(len(lacking)) as step:
        for path, row in lacking:
            keys[row.name] = pair_in_memory(row.kind or order.wish.kind)
            files.write(path, keys[row.name][0])
            step(f"key of {row.name}")
    return keys


def with_keys(adding: Adding, written: Adding, keys: Keys) -> Adding:
    """Return the nodes with the keys that were made, and the files that were written."""
    return Adding(
        nodes=tuple(
            replace(
                one,
                node=replace(one.node, public_key=keys[one.node.name][1]) if key else one.node,
                key=key,
            )
            for one, key in zip(adding.nodes, (each.key for each in written.nodes), strict=True)
        )
    )


def keep_keys(layout: Layout, adding: Adding, keys: Keys, files: Files) -> None:
    """Keep these private keys in the registry, and none of an earlier node of the same name. Raises
    ConfigError.
    """
    for one in adding.nodes:
        kept = kept_key_path(layout, one.node.name)
        if one.node.name in keys:
            files.write(kept, keys[one.node.name][0])
        else:
            files.remove(kept)


def advise(order: Order, adding: Adding, registry: Registry, report: Report) -> None:
    """Report what the admin should know about the new nodes' ports and expected responses."""
    for one, row in zip(adding.nodes, order.wanted, strict=True):
        asked_for = {request.port for request in row.requests}
        warn(report, needs_root(None, one.node, order.config.tunnel_user))
        warn(report, freed_warnings(one.node.forwards, registry, asked_for))
    blind = [
        row for row in order.wanted if not all(request.says_expect for request in row.requests)
    ]
    if blind:
        report(Note(open_sentence(len(blind))))


def open_sentence(count: int) -> str:
    what = "1 node has a forward" if count == 1 else f"{count} nodes have forwards"
    return (
        f"{what} without an expected response (`open`), so a tunnel that hangs is not noticed"
        " there; as soon as it is up, reversi-checker probe NAME offers what its target answers"
    )


def tell(layout: Layout, adding: Adding, report: Report) -> Mapping[NodeName, Refusal]:
    """Inform daemon, event log and HAProxy, and sign the nodes in a fleet. Return those for which
    another gateway was quicker.
    """
    refused = log_many(
        layout,
        [
            (one.node.name, forward.port, f"added: to {forward.target}, expecting {forward.expect}")
            for one in adding.nodes
            for forward in one.node.forwards
        ],
        report,
    )
    about_proxy = tell_haproxy(layout)
    if about_proxy is not None:
        report(about_proxy)
    return refused


def content_of(path: Path) -> bytes:
    """Return the file's content, or its beginning if it is too long. Raises ConfigError."""
    try:
        if path == STDIN:
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(path, f"cannot be read ({error.strerror})") from error
