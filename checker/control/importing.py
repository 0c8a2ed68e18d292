"""Register the devices that the original product's .rev files describe."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.control.notices import Report, known_registry, log_changes, warn
from checker.model import Node
from checker.registry.authorized_keys import gate_command, write_keys
from checker.registry.lock import locked
from checker.registry.node_file import node_toml
from checker.registry.nodes import Registry
from checker.registry.reading import node_path
from checker.registry.rev_files import MOST_BYTES, Remark, RevFile, read_rev

EVENTS_AT_ONCE = 100
"""In one message to the daemon, which takes 64 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRemark:
    """A remark on a file, or on a line of it."""

    path: Path
    remark: Remark

    def __str__(self) -> str:
        return (
            f"{self.path}{f':{self.remark.line}' if self.remark.line else ''}: {self.remark.text}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What was found in the files."""

    nodes: tuple[tuple[Path, Node], ...]
    notes: tuple[FileRemark, ...]
    problems: tuple[FileRemark, ...]
    """Lines and files that were not taken."""


class Places:
    """Names and ports that are taken, with a clause that says by whom."""

    def __init__(self, registry: Registry) -> None:
        self.names = dict.fromkeys([*registry.nodes, *registry.broken], "is registered already")
        self.ports = {
            port: f"belongs to node {forward.node}"
            for forward in registry.forwards
            for port in forward.ports
        }
        self.ports |= dict.fromkeys(
            registry.broken_ports, "is in a node's file that cannot be read"
        )

    def rival(self, node: Node) -> str:
        """Why this node cannot be registered, as a clause; empty if it can."""
        if node.name in self.names:
            return f"node {node.name} {self.names[node.name]}"
        return next(
            (f"port {f.port} {self.ports[f.port]}" for f in node.forwards if f.port in self.ports),
            "",
        )

    def take(self, node: Node, path: Path) -> None:
        self.names[node.name] = f"is in {path} too"
        self.ports |= {
            forward.port: f"belongs to node {node.name}, by {path}" for forward in node.forwards
        }


def rev_files(paths: Iterable[Path]) -> tuple[list[Path], list[FileRemark]]:
    """The files at these paths, each once, in order; and a remark on each path without any."""
    found: dict[Path, None] = {}
    problems = []
    for path in paths:
        below = sorted(path.glob("*.rev")) if path.is_dir() else [path]
        if not below:
            problems.append(FileRemark(path=path, remark=Remark(line=0, text="has no .rev file")))
        found.update(dict.fromkeys(below))
    return list(found), problems


def read_files(paths: Iterable[Path], registry: Registry, *, now: int) -> Import:
    """What the files describe, without the nodes that conflict with the registry or with a file
    before. `now`: Unix seconds.
    """
    files, problems = rev_files(paths)
    notes: list[FileRemark] = []
    taken: list[tuple[Path, Node]] = []
    places = Places(registry)
    for path in files:
        found = read_file(path, now=now)
        notes += [FileRemark(path=path, remark=remark) for remark in found.notes]
        problems += [FileRemark(path=path, remark=remark) for remark in found.problems]
        if found.node is None:
            continue
        rival = places.rival(found.node)
        if rival:
            remark = Remark(line=0, text=f"{rival}; the node is not imported")
            problems.append(FileRemark(path=path, remark=remark))
            continue
        taken.append((path, found.node))
        places.take(found.node, path)
    return Import(nodes=tuple(taken), notes=tuple(notes), problems=tuple(problems))


def read_file(path: Path, *, now: int) -> RevFile:
    """What one file describes, or why it cannot be read. A pipe or a device is refused: reading it
    could block forever.
    """
    try:
        with open(
            path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)
        ) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return read_rev(file.read(MOST_BYTES + 1), added_at=now)
            why = "is not a regular file"
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
    return RevFile(node=None, notes=(), problems=(Remark(line=0, text=why),))


def import_files(layout: Layout, paths: Iterable[Path], report: Report, *, is_dry: bool) -> Import:
    """Register what the files describe, and warn about ports that were freed lately; with `is_dry`
    only read. Raises ConfigError.
    """
    with contextlib.nullcontext() if is_dry else locked(layout):
        registry = known_registry(layout, report)
        found = read_files(paths, registry, now=int(time.time()))
        if not is_dry:
            write_nodes(layout, [node for _, node in found.nodes])
    forwards = [(path, forward) for path, node in found.nodes for forward in node.forwards]
    if not is_dry:
        changes = [(f.node, f.port, f"imported from {path.name}") for path, f in forwards]
        for at in range(0, len(changes), EVENTS_AT_ONCE):
            log_changes(layout, changes[at : at + EVENTS_AT_ONCE], report)
    freed = registry.freed
    warn(report, [freed[f.port].sentence for _, f in forwards if f.port in freed])
    return found


def write_nodes(layout: Layout, nodes: Sequence[Node]) -> None:
    """Write these nodes' files, under `locked`: all of them or none. Raises ConfigError."""
    paths = [node_path(layout, node.name) for node in nodes]
    try:
        for path, node in zip(paths, nodes, strict=True):
            write_atomically(path, node_toml(node), mode=0o644)
        write_keys(layout, gate_command(layout))
    except ConfigError:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
