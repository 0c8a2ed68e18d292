"""Checks what an operator types for a new node against the registry: errors, and the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from checker.model import (
    CheckerError,
    Forward,
    ForwardRequest,
    InvalidValue,
    KeyType,
    Node,
    NodeName,
    PortRanges,
    parse_forward,
    parse_name,
    parse_note,
    parse_tags,
    printable,
)
from checker.registry.nodes import NameTaken, Registry, allot, conflict
from checker.registry.publications import unbindable


class Field(StrEnum):
    """What the form asks for."""

    NAME = "name"
    FORWARDS = "forwards"
    OUTPUT = "output"
    TAGS = "tags"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The texts in the form."""

    name: str = ""
    forwards: str = ""
    """One a line: [PORT=]HOST:PORT[,EXPECT]."""
    output: str = ""
    """Empty: the default."""
    key_type: KeyType = KeyType.ED25519
    tags: str = ""
    """Blanks or commas between them."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNode:
    """A node to add, and the file for its device."""

    name: NodeName
    requests: tuple[ForwardRequest, ...]
    output: Path
    """`NAME.sh`: a bundle; any other name: the client's configuration, with the private key beside
    it.
    """
    key_type: KeyType = KeyType.ED25519
    tags: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the form's texts mean."""

    errors: Mapping[Field, str] = field(default_factory=dict)
    forwards: tuple[Forward, ...] = ()
    """With the ports that they would get; empty if the lines have an error."""
    output: Path | None = None
    wanted: NewNode | None = None
    """None if there is an error."""


STAND_IN = NodeName("new")
"""The node's name while the typed one is invalid."""


def checked(asked: Asked, registry: Registry, ports: PortRanges, folder: Path) -> Checked:
    """Check each field on its own, to show all errors at once; by default files go to `folder`."""
    errors: dict[Field, str] = {}
    name, output = STAND_IN, None
    requests: tuple[ForwardRequest, ...] = ()
    forwards: tuple[Forward, ...] = ()
    try:
        name = free_name(asked.name.strip(), registry)
    except CheckerError as error:
        errors[Field.NAME] = printable(str(error), 400)
    try:
        requests = parse_lines(asked.forwards)
        forwards = free_forwards(name, requests, registry, ports)
    except CheckerError as error:
        errors[Field.FORWARDS] = printable(str(error), 400)
    try:
        output = parse_output(asked.output.strip(), folder / f"{name}.toml")
    except CheckerError as error:
        errors[Field.OUTPUT] = printable(str(error), 400)
    tags, note = labels_in(asked, errors)
    wanted = None
    if output is not None and not errors:
        wanted = NewNode(
            name=name,
            requests=requests,
            output=output,
            key_type=asked.key_type,
            tags=tags,
            note=note,
        )
    return Checked(
        errors=errors,
        forwards=forwards,
        output=None if Field.NAME in errors else output,
        wanted=wanted,
    )


def labels_in(asked: Asked, errors: dict[Field, str]) -> tuple[tuple[str, ...], str]:
    """Tags and note; what is wrong with them goes to `errors`."""
    tags: tuple[str, ...] = ()
    note = ""
    try:
        tags = parse_tags(asked.tags.replace(",", " ").split())
    except InvalidValue as error:
        errors[Field.TAGS] = printable(str(error), 400)
    try:
        note = parse_note(asked.note)
    except InvalidValue as error:
        errors[Field.NOTE] = printable(str(error), 400)
    return tags, note


def free_name(text: str, registry: Registry) -> NodeName:
    """A name that no node has. Raises InvalidValue, NameTaken."""
    name = parse_name(text)
    if name in registry.nodes or name in registry.broken:
        raise NameTaken(name)
    return name


def parse_lines(text: str) -> tuple[ForwardRequest, ...]:
    """One forward per line; empty lines do not count. Raises InvalidValue, which names the line."""
    requests = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                requests.append(parse_forward(line.strip()))
            except InvalidValue as error:
                raise InvalidValue(f"line {number}: {error}") from error
    if not requests:
        raise InvalidValue(
            "a node needs a forward; write [PORT=]HOST:PORT[,EXPECT], as in"
            " 127.0.0.1:22,banner:SSH-2.0"
        )
    return tuple(requests)


def free_forwards(
    name: NodeName, requests: tuple[ForwardRequest, ...], registry: Registry, ports: PortRanges
) -> tuple[Forward, ...]:
    """The forwards with free ports. Raises PortsUsedUp, and what `conflict`, `unbindable` find."""
    forwards = allot(registry, name, requests, ports)
    others = [node for node in registry.nodes.values() if node.name != name]
    node = Node(name=name, public_key="", forwards=forwards, added_at=0)
    trouble = conflict(node, others) or unbindable(node, others)
    if trouble is not None:
        raise trouble
    return forwards


def parse_output(text: str, default: Path) -> Path:
    """The full path; a relative one begins at the default's folder. Raises InvalidValue."""
    if not text:
        return default
    if text.endswith("/") or not text.isprintable():
        raise InvalidValue(f"{text[:80]!r} is not a file name; write a path, such as {default}")
    try:
        return default.parent / Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidValue(
            f"{text[:80]!r} begins with an unknown user; write the full path"
        ) from error
