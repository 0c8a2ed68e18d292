"""A copy of the registry in one file, for those who read it often. The daemon writes it.

It contains the signs of each registry file from before it was read. A reader compares them with the
files, and does not use a copy that is out of date.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from checker.config.layout import Layout
from checker.model import (
    Expect,
    ExpectKind,
    Forward,
    Node,
    NodeName,
    Port,
    Publication,
    Target,
)
from checker.registry.file_stamps import Signs, signs, stat_of
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
    # node by node, so that the daemon's other threads run
    nodes_json = ",".join(json.dumps(node_list(node)) for node in nodes.values())
    text = f'{{"format":{FORMAT},"signs":{json.dumps(read)},"nodes":[{nodes_json}]}}'
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        share(file.fileno(), layout.nodes, public=public)
    temporary.replace(path)


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


@lru_cache(4096)
def target_of(host: str, port: int) -> Target:
    """Return one object for all forwards with this target: most have it in common."""
    return Target(host=host, port=Port(port))


@lru_cache(4096)
def expect_of(kind: str, text: str, send: str) -> Expect:
    """Return one object for all forwards that expect this."""
    return Expect(kind=ExpectKind(kind), text=text, send=send)


def node_list(node: Node) -> list[Any]:
    """Return a node as the copy stores it; the inverse of node_from_row."""
    return [
        node.name,
        node.public_key,
        node.next_key,
        node.added_at,
        node.key_since,
        node.enabled,
        node.expires,
        node.next_key_at,
        [forward_list(forward) for forward in node.forwards],
        node.calls_itself,
        # an older release reads only rows without these
        *about_node(node),
    ]


def about_node(node: Node) -> tuple[Any, ...]:
    """Return what later releases added to a row, as far as the node has any of it."""
    if node.probe_beating_every_s is not None:
        return (node.tags, node.note, node.probe_beating_every_s)
    return (node.tags, node.note) if node.tags or node.note else ()


def forward_list(forward: Forward) -> list[Any]:
    """Return a forward as the copy stores it, without its node's name."""
    return [
        forward.port,
        forward.target.host,
        forward.target.port,
        forward.expect.kind.value,
        forward.expect.text,
        forward.expect.send,
        forward.deadline_s,
        forward.public,
        [[each.port, each.sni, each.send_proxy] for each in forward.published],
        forward.next_port,
        forward.next_port_at,
        # an older release reads only rows without these
        *later_values(forward),
    ]


def later_values(forward: Forward) -> tuple[Any, ...]:
    """Return what later releases added to a row, as far as the forward has any of it."""
    if forward.host_key:
        return (forward.port_at, forward.leaves_at, forward.host_key)
    return (forward.port_at, forward.leaves_at) if forward.port_at or forward.leaves_at else ()


def node_from_row(row: Any) -> Node:
    """Return a node from the copy, or from a record of an earlier release, which ends before
    `calls_itself` or the tags. Raises ValueError, TypeError if we did not write it.
    """
    name, public_key, next_key, added_at, key_since, enabled, expires, next_key_at, *rest = row
    forwards, *more = rest
    calls_itself, *labels = more or [""]
    tags, note, every_s = with_all_labels(labels)
    return Node(
        name=NodeName(name),
        public_key=public_key,
        next_key=next_key,
        added_at=added_at,
        key_since=key_since,
        enabled=enabled,
        expires=expires,
        next_key_at=next_key_at,
        calls_itself=calls_itself,
        tags=tuple(tags),
        note=note,
        probe_beating_every_s=every_s,
        forwards=tuple(forward_from_row(NodeName(name), forward) for forward in forwards),
    )


def with_all_labels(labels: list[Any]) -> tuple[Any, ...]:
    """Return the values of `about_node`, also of a row that has fewer."""
    return (*labels, *((), "", None)[len(labels) :])


def with_defaults(later: list[Any]) -> tuple[Any, ...]:
    """Return the values of `later_values`, also of a row that has fewer."""
    return (*later, *(0, 0, "")[len(later) :])


def forward_from_row(node: NodeName, row: Any) -> Forward:
    """Return a forward from the copy. Raises ValueError, TypeError if we did not write it."""
    (
        port,
        host,
        target_port,
        kind,
        text,
        send,
        deadline_s,
        public,
        published,
        next_port,
        next_port_at,
        *later,
    ) = row
    port_at, leaves_at, host_key = with_defaults(later)
    return Forward(
        node=node,
        port=Port(port),
        target=target_of(host, target_port),
        expect=expect_of(kind, text, send),
        deadline_s=deadline_s,
        public=public,
        next_port=None if next_port is None else Port(next_port),
        next_port_at=next_port_at,
        port_at=port_at,
        leaves_at=leaves_at,
        host_key=host_key,
        published=tuple(
            Publication(port=Port(each[0]), sni=each[1], send_proxy=each[2]) for each in published
        ),
    )
