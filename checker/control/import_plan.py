"""What to register of what files of other products describe. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from checker.control.bindable import PortsThere
from checker.model import OPEN, Forward, InvalidValue, Node
from checker.registry.edits import renamed
from checker.registry.imported import FileRead, Found, Remark, Wish
from checker.registry.nodes import Registry, conflict
from checker.registry.publications import FIRST_UNPRIVILEGED, unbindable
from checker.registry.tunnel_source import IS_OPEN


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

    @property
    def place(self) -> str:
        """The file, and the line if the file describes several nodes."""
        return f"{self.path}:{self.found.line}" if self.found.line else f"{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What was found in the files."""

    taken: tuple[Imported, ...]
    notes: tuple[FileRemark, ...]
    problems: tuple[FileRemark, ...]
    """Nodes, lines and files that were not taken."""
    known: tuple[Imported, ...] = ()
    """Nodes that are registered already, just so."""
    unreserved: int = 0
    """How many of the ports the kernel may take for outgoing connections."""


NO_KEYS: Mapping[str, str] = MappingProxyType({})
ANOTHER_NAME = "give one of them another name, in the comment at the end of its line"


class Places:
    """Names, ports and keys that are taken, with a clause that says by whom."""

    def __init__(self, registry: Registry, keys: Mapping[str, str] = NO_KEYS) -> None:
        self.nodes = registry.nodes
        self.owners = {key: node for node in self.nodes.values() for key in node.public_keys}
        self.publishing = [
            node for node in self.nodes.values() if any(f.published for f in node.forwards)
        ]
        self.keys = {key: f"belongs to node {node.name}" for key, node in self.owners.items()}
        self.keys |= keys
        self.names = dict.fromkeys([*registry.nodes, *registry.broken], "is registered already")
        self.ports = {
            port: f"belongs to node {forward.node}"
            for forward in registry.forwards
            for port in forward.ports
        }
        self.ports |= dict.fromkeys(
            registry.broken_ports, "is in a node's file that cannot be read"
        )

    def knows(self, node: Node) -> bool:
        """Whether the node is registered already with these ports: under any name if it has a key
        of its own, else under this one.
        """
        present = self.nodes.get(node.name) if node.is_shared else self.owners.get(node.public_key)
        return present is not None and set(present.ports) >= set(node.ports)

    def rival(self, node: Node) -> str:
        """Why this node cannot be registered, as a clause; empty if it can."""
        taken = next(
            (f"port {f.port} {self.ports[f.port]}" for f in node.forwards if f.port in self.ports),
            "",
        )
        if not taken and node.name in self.names:
            return f"node {node.name} {self.names[node.name]}"
        same = next((self.keys[key] for key in node.public_keys if key in self.keys), "")
        trouble = conflict(node, ()) or unbindable(node, self.publishing)
        return taken or (same and f"its key {same}") or str(trouble or "")

    def take(self, node: Node, path: Path, line: int = 0) -> None:
        place = f"{path}:{line}" if line else f"{path}"
        how = ANOTHER_NAME if line else "import this file alone, with --name NAME"
        self.names[node.name] = f"is in {place} too; {how}"
        self.ports |= {
            forward.port: f"belongs to node {node.name}, by {place}" for forward in node.forwards
        }
        self.keys |= dict.fromkeys(node.public_keys, f"belongs to node {node.name}, by {place}")


def plan_import(  # noqa: PLR0913 - what to read, and what is there already
    inputs: Sequence[tuple[Path, FileRead]],
    registry: Registry,
    wish: Wish,
    ports: PortsThere,
    problems: Iterable[FileRemark] = (),
    *,
    keys: Mapping[str, str] = NO_KEYS,
) -> Import:
    """What the files describe, without the nodes that conflict with the registry or with a file
    before. `keys`: those that no node can have, with a clause each. Raises InvalidValue if the wish
    does not fit.
    """
    notes: list[FileRemark] = []
    refused = list(problems)
    taken: list[Imported] = []
    known: list[Imported] = []
    places = Places(registry, keys)
    refuse_unfit(wish, [one for _, file in inputs for one in file.found])
    for path, file in inputs:
        notes += [FileRemark(path=path, remark=remark) for remark in file.notes]
        refused += [FileRemark(path=path, remark=remark) for remark in file.problems]
        for one in file.found:
            found = as_wished(one, wish)
            if places.knows(found.node):
                known.append(Imported(path=path, found=found))
                continue
            rival = places.rival(found.node)
            if rival:
                refused.append(FileRemark(path=path, remark=Remark(line=one.line, text=rival)))
                continue
            own = tuple(Remark(line=0, text=text) for text in ports.notes(found.node))
            taken.append(Imported(path=path, found=replace(found, notes=(*found.notes, *own))))
            places.take(found.node, path, one.line)
    return Import(
        taken=tuple(taken),
        known=tuple(known),
        notes=tuple(notes),
        problems=tuple(refused),
        unreserved=sum(ports.is_unreserved(port) for one in taken for port in one.node.ports),
    )


def refuse_unfit(wish: Wish, found: Sequence[Found]) -> None:
    """Raise InvalidValue if the wish is about one node, and the files describe several, or about a
    port that none of them has.
    """
    if (wish.name or wish.public_key) and len(found) > 1:
        raise InvalidValue(
            f"--name and --public-key are about one node, and these files describe {len(found)};"
            " import them one by one"
        )
    ports = {port for one in found for port in one.node.ports}
    for request in wish.targets:
        if request.port is not None and request.port not in ports:
            raise InvalidValue(
                f"--target {request.port}={request.target} is about no port that these files have"
            )


def as_wished(found: Found, wish: Wish) -> Found:
    """The node under the name, and with the key and targets, that the admin wants for it. A port
    that nobody can open to all is not public.
    """
    node = renamed(found.node, wish.name or found.node.name)
    if found.login is not None:
        node = replace(node, calls_itself="")  # such a device says no name
    low = [f.port for f in node.forwards if f.public and f.port < FIRST_UNPRIVILEGED]
    forwards = tuple(
        replace(aimed(f, wish), public=f.public and f.port not in low) for f in node.forwards
    )
    node = replace(node, forwards=forwards, public_key=wish.public_key or node.public_key)
    not_public = (
        Remark(line=0, text=f"port {port} is imported as not public; see: reversi-checker publish")
        for port in low
    )
    is_open = any(forward.expect == OPEN for forward in forwards)
    notes = (note for note in found.notes if is_open or note.text != IS_OPEN)
    return replace(found, node=node, notes=(*notes, *not_public))


def aimed(forward: Forward, wish: Wish) -> Forward:
    """The forward with the target and the response that the admin names for it."""
    said = wish.about(forward.port, forward.target)
    if said is None:
        return forward
    target = said.target if said.port else forward.target
    return replace(
        forward, target=target, expect=said.expect if said.says_expect else forward.expect
    )
