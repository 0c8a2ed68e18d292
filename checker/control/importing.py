"""Register the devices that the original's .rev files describe."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import Node
from checker.registry.authorized_keys import gate_command, write_keys
from checker.registry.node_file import node_toml
from checker.registry.nodes import Registry
from checker.registry.reading import node_path
from checker.registry.rev_files import MOST_BYTES, Remark, RevFile, read_rev


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A remark on a line of a file."""

    path: Path
    remark: Remark

    def __str__(self) -> str:
        return (
            f"{self.path}{f':{self.remark.line}' if self.remark.line else ''}: {self.remark.text}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What a look at files came to."""

    nodes: tuple[tuple[Path, Node], ...]
    notes: tuple[Said, ...]
    problems: tuple[Said, ...]


class Places:
    """Names and ports that are taken, and by whom, as a clause."""

    def __init__(self, registry: Registry) -> None:
        self.names = dict.fromkeys([*registry.nodes, *registry.broken], "is registered already")
        self.ports = {
            port: f"belongs to node {forward.node}"
            for forward in registry.forwards
            for port in forward.ports
        }
        self.ports |= dict.fromkeys(
            registry.broken_ports, "is named by a node's file that can not be read"
        )

    def rival(self, node: Node) -> str:
        """Why this node can not be taken, as a clause; empty where it can."""
        if node.name in self.names:
            return f"node {node.name} {self.names[node.name]}"
        return next(
            (f"port {f.port} {self.ports[f.port]}" for f in node.forwards if f.port in self.ports),
            "",
        )

    def take(self, node: Node, path: Path) -> None:
        self.names[node.name] = f"is described by {path} too"
        self.ports |= {
            forward.port: f"belongs to node {node.name}, by {path}" for forward in node.forwards
        }


def rev_files(paths: Iterable[Path]) -> tuple[list[Path], list[Said]]:
    """The files that are meant, each once, in order; and what names none."""
    found: dict[Path, None] = {}
    problems = []
    for path in paths:
        below = sorted(path.glob("*.rev")) if path.is_dir() else [path]
        if not below:
            problems.append(Said(path=path, remark=Remark(line=0, text="has no .rev file")))
        found.update(dict.fromkeys(below))
    return list(found), problems


def look_at_files(paths: Iterable[Path], registry: Registry, *, now: int) -> Import:
    """What the files describe, and what of it can stand beside the registry and the files
    before.
    """
    files, problems = rev_files(paths)
    notes: list[Said] = []
    taken: list[tuple[Path, Node]] = []
    places = Places(registry)
    for path in files:
        found = look_at_file(path, now=now)
        notes += [Said(path=path, remark=remark) for remark in found.notes]
        problems += [Said(path=path, remark=remark) for remark in found.problems]
        if found.node is None:
            continue
        rival = places.rival(found.node)
        if rival:
            problems.append(
                Said(path=path, remark=Remark(line=0, text=f"{rival}; the node is not imported"))
            )
            continue
        taken.append((path, found.node))
        places.take(found.node, path)
    return Import(nodes=tuple(taken), notes=tuple(notes), problems=tuple(problems))


def look_at_file(path: Path, *, now: int) -> RevFile:
    """What one file came to, also where it can not be read. A pipe or a device is none: who reads
    it may wait for ever.
    """
    try:
        with open(
            path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)
        ) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return read_rev(file.read(MOST_BYTES + 1), added_at=now)
            why = "is no file"
    except OSError as error:
        why = f"can not be read ({error.strerror})"
    return RevFile(node=None, notes=(), problems=(Remark(line=0, text=why),))


def register(layout: Layout, nodes: Sequence[Node]) -> None:
    """Write these nodes' files, under `locked`; all of them or none. Raises ConfigError."""
    paths = [node_path(layout, node.name) for node in nodes]
    try:
        for path, node in zip(paths, nodes, strict=True):
            write_atomically(path, node_toml(node), mode=0o644)
        write_keys(layout, gate_command(layout))
    except ConfigError:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
