"""The index of the registry, `nodes/.index`: each node as its file was read, one line each.

It saves whoever changes the registry from parsing all of its files. It is only a cache: a line
counts if inode, change time and size of the node's files are still the same. So a file that
somebody edited is read itself, whoever edited it and whatever its mtime says. Whoever may change
the registry writes the index, under the lock, after the key lines of the same nodes: as long as a
line counts, the node's key lines need no look either.

A line is appended; the last one of a node counts. What is written half at a loss of power fails its
checksum, and is as if it were not there. A small registry has no index.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from checker import __version__
from checker.config.toml_file import ConfigError
from checker.model import Node, NodeName
from checker.registry.indexed_nodes import (
    COLUMNS,
    SIGNS,
    Basis,
    IndexedNodes,
    Row,
    parsed_at_once,
    row_of,
)
from checker.registry.snapshot import share

log = logging.getLogger(__name__)
FORMAT = 2
"""To raise if a node is read from its file in another way, or kept here in another one."""
FEWEST = 200
"""With fewer nodes, reading the files is as fast."""
AT_ONCE = 200
"""Rows that are parsed at once."""
MOST_DEAD = 1000
"""Lines that no longer count, before the whole file is written."""
CHECKED = 9
"""Where the text begins that the checksum, of eight digits, is of."""
HEAD = f"reversi {__version__} {FORMAT}\n".encode()
Rows = dict[NodeName, Row]


def index_path(folder: Path) -> Path:
    return folder / ".index"


def load_index(folder: Path) -> tuple[Rows, int]:
    """Return each node's row, and how many lines no longer count; nothing if there is no index, or
    another version wrote it.
    """
    try:
        content = index_path(folder).read_bytes()
    except OSError:
        return {}, 0
    if not content.startswith(HEAD):
        return {}, 0
    lines = content[len(HEAD) :].split(b"\n")
    with without_collecting():
        rows = dict(rows_in(lines))
    living = {name: row for name, row in rows.items() if row[SIGNS]}
    return living, len(lines) - 1 - len(living)


def nodes_in_index(
    folder: Path, signs: Mapping[NodeName, bytes]
) -> dict[NodeName, tuple[bytes, Node]]:
    """Return the nodes whose row has these signs, with them. Only a part of the rows is in memory
    at a time: for who stays, 30,000 rows at once would leave 30 MB that no later use fits in.
    """
    found: dict[NodeName, tuple[bytes, Node]] = {}
    part: dict[NodeName, Row] = {}
    try:
        with index_path(folder).open("rb") as file:
            if file.readline() != HEAD:
                return {}
            for name, row in rows_in(line.rstrip(b"\n") for line in file):
                found.pop(name, None)  # the last row of a node counts
                part.pop(name, None)
                if row[SIGNS] and row[SIGNS] == signs.get(name):
                    part[name] = row
                if len(part) >= AT_ONCE:
                    found |= taken(part)
                    part = {}
    except OSError:
        return {}
    return found | taken(part)


def taken(rows: Rows) -> dict[NodeName, tuple[bytes, Node]]:
    return {node.name: (rows[node.name][SIGNS], node) for node in parsed_at_once(rows.values())}


def rows_in(lines: Iterable[bytes]) -> Iterator[tuple[NodeName, Row]]:
    """Yield name and row of each line that is whole."""
    crc32 = zlib.crc32  # without a call of ours for each line: there are thousands
    for line in lines:
        row = line.split(b"\t")
        if len(row) == COLUMNS and row[0] == b"%08x" % crc32(line[CHECKED:]):
            yield NodeName(row[1].decode()), row


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """Look for no garbage during the block, which makes much and none of it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)


def line_of(row: Row) -> bytes:
    text = b"\t".join(row[1:])
    return checksum(text) + b"\t" + text + b"\n"


def new_rows(nodes: IndexedNodes, but: Collection[str]) -> Iterator[Row]:
    """Yield the rows to append: those of files that the index did not have as they are, and one
    without signs for each node that has no file any more.
    """
    for name, signs in nodes.basis.reread.items():
        if signs and name in nodes and name not in but:
            yield row_of(nodes[name], signs)
    yield from map(void, nodes.basis.gone)


def void(name: str) -> Row:
    """Return the row that voids the earlier ones of a node."""
    return [b"", name.encode(), *([b""] * (COLUMNS - 2))]


def forget(folder: Path, nodes: Mapping[NodeName, Node], names: Collection[str]) -> None:
    """Void the rows of nodes before their key lines change. If we are interrupted then, whoever
    comes next looks at these nodes again. Raises ConfigError.
    """
    if not isinstance(nodes, IndexedNodes):
        return
    rows = [void(name) for name in names if name in nodes.basis.rows]
    try:
        if rows and not append(folder, nodes.basis, rows):
            index_path(folder).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            index_path(folder),
            f"cannot be written ({error.strerror}); check free space and permissions there",
        ) from error


def update_index(folder: Path, nodes: Mapping[NodeName, Node], but: Collection[str]) -> None:
    """Note in the index what it lacks, under the lock, once the keys of these nodes are written:
    not the nodes in `but`, whose files change now or are broken. A failure costs only time.
    """
    if not isinstance(nodes, IndexedNodes) or len(nodes) < FEWEST:
        return
    new = list(new_rows(nodes, but))
    if not new:
        return
    try:
        if nodes.basis.dead + len(new) > MOST_DEAD or not append(folder, nodes.basis, new):
            rows = {name: row for name, row in nodes.basis.rows.items() if name not in but}
            write_whole(folder, replace(nodes.basis, rows=rows), new)
    except OSError as error:
        log.debug("%s cannot be written: %s", index_path(folder), error)


def append(folder: Path, basis: Basis, rows: Iterable[Row]) -> bool:
    """Append these rows. Return False if the whole file must be written. Raises OSError."""
    try:
        handle = os.open(index_path(folder), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    with os.fdopen(handle, "r+b") as file:
        is_public = bool(os.fstat(file.fileno()).st_mode & 0o004)
        if is_public != basis.is_public or file.read(len(HEAD)) != HEAD:
            return False
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":  # the end of the last line was lost
            return False
        file.write(b"".join(map(line_of, rows)))
    return True


def write_whole(folder: Path, basis: Basis, new: Iterable[Row]) -> None:
    """Write the whole index: the rows that it has and that count, and the new ones.
    Whoever may read the files may read it. Raises OSError.
    """
    path = index_path(folder)
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(HEAD)
        for row in (*basis.rows.values(), *new):
            if row[SIGNS]:
                file.write(line_of(row))
        file.flush()
        share(file.fileno(), folder, public=basis.is_public)
    temporary.replace(path)
