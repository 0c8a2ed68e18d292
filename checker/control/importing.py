"""Register the devices that files of other products describe: the original's, OpenWRT's, units."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.settings import Config, load_config
from checker.config.toml_file import ConfigError
from checker.control.bindable import PortsThere, look_at_ports
from checker.control.notices import Report, known_registry, log_many, warn
from checker.model import InvalidValue, Node, NodeName
from checker.registry.authorized_keys import gate_command, write_keys
from checker.registry.changes import write_waiting
from checker.registry.edits import renamed
from checker.registry.imported import MOST_BYTES, FileRead, Found, Remark
from checker.registry.lock import locked
from checker.registry.node_file import node_toml
from checker.registry.nodes import Registry, conflict
from checker.registry.publications import FIRST_UNPRIVILEGED, unbindable
from checker.registry.reading import node_path
from checker.registry.rev_files import read_rev
from checker.registry.tunnel_files import read_tunnel_file
from checker.registry.waiting import waiting_path


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
class Imported:
    """A node, and the file that describes it."""

    path: Path
    found: Found

    @property
    def node(self) -> Node:
        return self.found.node


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What was found in the files."""

    taken: tuple[Imported, ...]
    notes: tuple[FileRemark, ...]
    problems: tuple[FileRemark, ...]
    """Nodes and files that were not taken."""
    unreserved: int = 0
    """How many of the ports the kernel may take for outgoing connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the admin says about the one node of an import; empty: as the file says."""

    name: NodeName | None = None
    public_key: str = ""


class Places:
    """Names and ports that are taken, with a clause that says by whom."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
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
        taken = next(
            (f"port {f.port} {self.ports[f.port]}" for f in node.forwards if f.port in self.ports),
            "",
        )
        others = list(self.registry.nodes.values())
        trouble = conflict(node, others) or unbindable(node, others)
        return taken or str(trouble or "")

    def take(self, node: Node, path: Path) -> None:
        self.names[node.name] = f"is in {path} too; import this file alone, with --name NAME"
        self.ports |= {
            forward.port: f"belongs to node {node.name}, by {path}" for forward in node.forwards
        }


def files_at(paths: Iterable[Path]) -> tuple[list[Path], list[FileRemark]]:
    """The files at these paths, each once, in order; and a remark on each path without any."""
    found: dict[Path, None] = {}
    problems = []
    for path in paths:
        below = sorted(path.glob("*.rev")) if path.is_dir() else [path]
        if not below:
            problems.append(FileRemark(path=path, remark=Remark(line=0, text="has no .rev file")))
        found.update(dict.fromkeys(below))
    return list(found), problems


def read_files(
    paths: Iterable[Path], registry: Registry, wish: Wish, ports: PortsThere, *, now: int
) -> Import:
    """What the files describe, without the nodes that conflict with the registry or with a file
    before. `now`: Unix seconds. Raises InvalidValue if the wish does not fit.
    """
    files, problems = files_at(paths)
    notes: list[FileRemark] = []
    taken: list[Imported] = []
    places = Places(registry)
    read = [(path, read_file(path, wish.name or "", now=now)) for path in files]
    refuse_unfit(wish, [one for _, file in read for one in file.found])
    for path, file in read:
        notes += [FileRemark(path=path, remark=remark) for remark in file.notes]
        problems += [FileRemark(path=path, remark=remark) for remark in file.problems]
        for one in file.found:
            found = as_wished(one, wish)
            rival = places.rival(found.node)
            if rival:
                problems.append(FileRemark(path=path, remark=Remark(line=0, text=rival)))
                continue
            own = tuple(Remark(line=0, text=text) for text in ports.notes(found.node))
            taken.append(Imported(path=path, found=replace(found, notes=(*found.notes, *own))))
            places.take(found.node, path)
    return Import(
        taken=tuple(taken),
        notes=tuple(notes),
        problems=tuple(problems),
        unreserved=sum(ports.is_unreserved(port) for one in taken for port in one.node.ports),
    )


def refuse_unfit(wish: Wish, found: Sequence[Found]) -> None:
    """Raise InvalidValue if the wish is about one node, and the files describe several."""
    if (wish.name or wish.public_key) and len(found) > 1:
        raise InvalidValue(
            f"--name and --public-key are about one node, and these files describe {len(found)};"
            " import them one by one"
        )


def as_wished(found: Found, wish: Wish) -> Found:
    """The node under the name, and with the key, that the admin wants for it. A port that nobody
    can open to all is not public.
    """
    node = renamed(found.node, wish.name or found.node.name)
    if found.login is not None:
        node = replace(node, calls_itself="")  # such a device says no name
    low = [f.port for f in node.forwards if f.public and f.port < FIRST_UNPRIVILEGED]
    forwards = (replace(f, public=f.public and f.port not in low) for f in node.forwards)
    node = replace(node, forwards=tuple(forwards), public_key=wish.public_key or node.public_key)
    not_public = (
        Remark(line=0, text=f"port {port} is imported as not public; see: reversi-checker publish")
        for port in low
    )
    return replace(found, node=node, notes=(*found.notes, *not_public))


def read_file(path: Path, name: str, *, now: int) -> FileRead:
    """What one file describes, or why it cannot be read. `name`: what the admin wants to call its
    node, or empty. A pipe or a device is refused: reading it could block forever.
    """
    try:
        with open(
            path, "rb", opener=lambda place, flags: os.open(place, flags | os.O_NONBLOCK)
        ) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                content = file.read(MOST_BYTES + 1)
                tunnels = read_tunnel_file(content, stem=path.stem, added_at=now, name=name)
                return read_rev(content, added_at=now) if tunnels is None else tunnels
            why = "is not a regular file"
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
    return FileRead(problems=(Remark(line=0, text=why),))


def import_files(
    layout: Layout, paths: Iterable[Path], wish: Wish, report: Report, *, is_dry: bool
) -> Import:
    """Register what the files describe, and warn about ports that were freed lately; with `is_dry`
    only read. Raises ConfigError, InvalidValue.
    """
    config = load_config(layout.config)
    refuse_shared_key(wish, config)
    ports = look_at_ports(config)
    with contextlib.nullcontext() if is_dry else locked(layout):
        registry = known_registry(layout, report)
        found = read_files(paths, registry, wish, ports, now=int(time.time()))
        if not is_dry:
            write_nodes(layout, [one.node for one in found.taken])
    forwards = [(one.path, forward) for one in found.taken for forward in one.node.forwards]
    if not is_dry:
        changes = [(f.node, f.port, f"imported from {path.name}") for path, f in forwards]
        log_many(layout, changes, report)
    freed = registry.freed
    warn(report, [freed[f.port].sentence for _, f in forwards if f.port in freed])
    return found


def refuse_shared_key(wish: Wish, config: Config) -> None:
    """Raise InvalidValue if the key that the admin gives is the shared one."""
    if wish.public_key in config.shared_key.public_keys:
        raise InvalidValue(
            "that public key is the shared one ([shared_key] in reversi.toml); without --public-key"
            " the node uses it"
        )


def write_nodes(
    layout: Layout, nodes: Sequence[Node], step: Callable[[str], None] = lambda _: None
) -> None:
    """Write these nodes' files, under `locked`: all of them or none. `step` is called with the name
    of each node that is written. Raises ConfigError.
    """
    paths = [node_path(layout, node.name) for node in nodes]
    try:
        for path, node in zip(paths, nodes, strict=True):
            write_waiting(path, node)
            write_atomically(path, node_toml(node), mode=0o644)
            step(node.name)
        write_keys(layout, gate_command(layout))
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
            waiting_path(path).unlink(missing_ok=True)
        with contextlib.suppress(ConfigError):  # report the first error
            write_keys(layout, gate_command(layout))
        raise
