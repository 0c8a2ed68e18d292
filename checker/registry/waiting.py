"""Read and write `nodes/NAME.next`: what waits for a node's device, and what that calls itself.

It says since when a node has two keys, which port each forward moves to, which forward leaves,
since when the node has had a port that was added, and the device's own word if that is not the
node's name. An older release reads the node's own file and ignores this one; it would refuse these
keys there. Until the device has followed, the node's own file says what was valid before, so such a
reader loses nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from checker.config.toml_file import ConfigError, read_toml, text_in, whole_in
from checker.model import Forward, InvalidValue, Node, Port, parse_calls_itself

SUFFIX = ".next"
HEAD = "# What waits for this node's device, and what it calls itself; reversi-checker keeps it.\n"
LATEST = 2**40
Sign = tuple[int, int, int]
"""Inode, ctime in nanoseconds and size of a file: they change when the file does."""


def waiting_path(node_file: Path) -> Path:
    """Return the path, beside the node's own file."""
    return node_file.with_suffix(SUFFIX)


def waiting_toml(node: Node) -> bytes:
    """Render the file of a node; empty if nothing waits for its device, and the device's own word
    is the node's name.
    """
    said = {"calls_itself": node.calls_itself, "added_at": node.added_at}
    key = {} if node.next_key is None else {"key": node.next_key, "key_at": node.next_key_at}
    moves = [
        {"port": f.port, "next_port": f.next_port, "at": f.next_port_at}
        for f in node.forwards
        if f.next_port is not None
    ]
    leaving = [{"port": f.port, "at": f.leaves_at} for f in node.forwards if f.leaves_at]
    own = [
        {"port": f.port, "at": f.port_at} for f in node.forwards if f.port_at > node.rights_since
    ]
    lists = {"move": moves, "leave": leaving, "added": own}
    table = {
        **(said if node.calls_itself else {}),
        **key,
        **{name: found for name, found in lists.items() if found},
    }
    return (HEAD + tomli_w.dumps(table)).encode() if table else b""


def with_waiting(node: Node, node_file: Path) -> Node:
    """Add what the file beside the node's own says. What does not fit the node is out of date, and
    ignored. Raises ConfigError.
    """
    path = waiting_path(node_file)
    if not path.exists():
        return node if node.next_key is None else replace(node, next_key_at=changed_at(node_file))
    try:
        table = read_toml(path)
    except ConfigError:
        if path.exists():
            raise
        table = {}  # removed just now: the device has followed
    key_at = whole_in(path, "key_at", table.get("key_at", 0), 0, LATEST)
    if node.next_key is not None:
        node = replace(
            node, next_key_at=key_at if table.get("key") == node.next_key else changed_at(node_file)
        )
    moves = dict(moves_in(path, table.get("move", [])))
    leaving = dict(instants_in(path, "leave", table.get("leave", [])))
    added = dict(instants_in(path, "added", table.get("added", [])))
    forwards = (
        replace(
            moving(forward, moves.get(forward.port)),
            leaves_at=leaving.get(forward.port, 0),
            port_at=added.get(forward.port, 0),
        )
        for forward in node.forwards
    )
    word = calls_itself_in(path, table, node)
    return replace(node, calls_itself=word, forwards=tuple(forwards))


def instants_in(path: Path, key: str, value: Any) -> Iterator[tuple[Port, int]]:
    """Yield the port and the time (Unix seconds) of each table in a list. Raises ConfigError."""
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ConfigError(path, f"{key} must be a list of tables; write [[{key}]]")
    for number, table in enumerate(value, start=1):
        where = f"{key} {number}: "
        port = Port(whole_in(path, f"{where}port", table.get("port"), 1, 65535))
        yield port, whole_in(path, f"{where}at", table.get("at", 0), 0, LATEST)


def calls_itself_in(path: Path, table: Mapping[str, Any], node: Node) -> str:
    """Return what the node's device calls itself; empty if that is the node's name, or if the file
    is about an earlier node of the name. Raises ConfigError.
    """
    added_at = whole_in(path, "added_at", table.get("added_at", node.added_at), 0, LATEST)
    if "calls_itself" not in table or (node.added_at and added_at != node.added_at):
        return ""
    try:
        word = parse_calls_itself(text_in(path, "calls_itself", table["calls_itself"]))
    except InvalidValue as error:
        raise ConfigError(path, f"calls_itself: {error}") from error
    return "" if word == node.name else word


def moves_in(path: Path, value: Any) -> Iterator[tuple[Port, tuple[Port, int]]]:
    """Yield each present port with the next one, and since when it waits. Raises ConfigError."""
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ConfigError(path, "move must be a list of tables; write [[move]]")
    for number, table in enumerate(value, start=1):
        where = f"move {number}: "
        port, next_port = (
            Port(whole_in(path, f"{where}{key}", table.get(key), 1, 65535))
            for key in ("port", "next_port")
        )
        yield port, (next_port, whole_in(path, f"{where}at", table.get("at", 0), 0, LATEST))


def moving(forward: Forward, move: tuple[Port, int] | None) -> Forward:
    return forward if move is None else replace(forward, next_port=move[0], next_port_at=move[1])


def sign(found: os.stat_result) -> Sign:
    return found.st_ino, found.st_ctime_ns, found.st_size


def sign_of(path: Path) -> Sign:
    """Return the file's sign; zeros if there is no file."""
    try:
        return sign(path.stat())
    except OSError:
        return 0, 0, 0


def changed_at(path: Path) -> int:
    """Return when the file last changed, in Unix seconds; 0 if it is gone."""
    try:
        return int(path.stat().st_mtime)
    except OSError:
        return 0
