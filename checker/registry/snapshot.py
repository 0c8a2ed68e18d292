"""A copy of the registry in one file, for those who read it often. The daemon writes it.

It contains the signs of each registry file from before it was read. A reader compares them with the
files, and does not use a copy that is out of date.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

from checker.config.layout import Layout
from checker.model import Node, NodeName
from checker.registry.file_stamps import Signs, signs, stat_of
from checker.registry.node_rows import node_from_row, node_list
from checker.registry.waiting import SUFFIX

FORMAT = 3
CLOSED = stat.S_ISGID | 0o050
"""Mode bits of a folder that `init` closed for a group."""


def copy_path(layout: Layout) -> Path:
    """Return the copy's path; no node can have this name."""
    return layout.run / "_registry"


def copied_nodes(layout: Layout) -> dict[NodeName, Node] | None:
    """Return the nodes from the copy; None if there is no copy, or the registry has changed
    since.
    """
    try:
        document = json.loads(copy_path(layout).read_bytes())
        if document["format"] != FORMAT or document["signs"] != signs(layout.nodes)[0]:
            return None
        return {node.name: node for node in map(node_from_row, document["nodes"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write_copy(
    layout: Layout, nodes: Mapping[NodeName, Node], read: Signs, *, public: bool
) -> None:
    """Write the nodes, with the signs from before they were read. Whoever may read the files may
    read the copy: everyone if `public`. Raises OSError.
    """
    path = copy_path(layout)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f'{{"format":{FORMAT},"signs":[')
        write_each(file, read)
        file.write('],"nodes":[')
        write_each(file, map(node_list, nodes.values()))
        file.write("]}")
        share(file.fileno(), layout.nodes, public=public)
    temporary.replace(path)


def write_each(file: TextIO, rows: Iterable[object], before: str = "") -> None:
    """Write these as the items of a JSON list, with that text before each: one by one, so that the
    daemon's other threads run, and never all of it is in memory. Raises OSError.
    """
    for place, row in enumerate(rows):
        print(f"{',' if place else ''}{before}{json.dumps(row)}", end="", file=file)


def share(handle: int, nodes: Path, *, public: bool) -> None:
    """Let everyone read a copy of the registry, or only those for whom `init` closed it. Raises
    OSError.
    """
    if public:
        os.fchmod(handle, 0o644)
        return
    gid = readers_of(nodes)
    if gid is None:
        return
    try:
        if os.fstat(handle).st_gid != gid:  # the unit of the daemon forbids the call
            os.fchown(handle, -1, gid)
    except PermissionError:
        return  # we are not in that group: the copy stays ours
    os.fchmod(handle, 0o640)


def readers_of(nodes: Path) -> int | None:
    """Return the group that may read the whole registry, if the folder is closed for one (see
    checker.config.files.mode_in). Raises OSError.
    """
    folder = nodes.stat()
    if folder.st_mode & CLOSED != CLOSED or nodes.parent.stat().st_gid != folder.st_gid:
        return None
    for name in os.listdir(nodes):  # noqa: PTH208 - as fast as possible
        found = stat_of(f"{nodes}/{name}") if name.endswith((".toml", SUFFIX)) else None
        if found and not found.st_mode & (0o040 if found.st_gid == folder.st_gid else 0o004):
            return None
    return folder.st_gid
