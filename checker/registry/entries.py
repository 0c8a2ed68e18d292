"""Entries of a fleet's registry: a node as its file says, its revision, and who signed it. Pure.

The text of an entry is that of `nodes/NAME.toml` and, behind it, the table `[entry]`. It stays byte
for byte what was signed. When a key or port was changed is not in it: each gateway compares that
with its own logins, and so keeps its own time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from checker.config.toml_file import MOST_BYTES, ConfigError, flag_in, table_in, text_in, whole_in
from checker.model import (
    Forward,
    InvalidValue,
    Node,
    NodeName,
    Port,
    parse_calls_itself,
    parse_name,
)
from checker.model.gateway_id import GatewayId, parse_gateway_id, parse_signer
from checker.model.instance import PATHS
from checker.registry.node_file import (
    FORWARD_KEYS,
    NODE_KEYS,
    node_from,
    node_toml,
    tables,
    unknown_in,
)

MARK = "\n[entry]\n"
"""Begins the part that a node's own file does not have."""
MOST_REV = 2**53
MOST_PATHS = len(PATHS)
LATEST = 2**40
ENTRY_KEYS = (
    "node",
    "rev",
    "changed_at",
    "changed_by",
    "paths",
    "gateways",
    "removed",
    "begun",
    "added_at",
    "calls_itself",
    "move",
    "leave",
)
TOMBSTONE_KEPT_S = 400 * 86400
"""A removed node is remembered for 400 days: an older entry must not bring it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What an entry says besides the node's own file."""

    name: NodeName
    rev: int
    """The higher one counts; it never falls."""
    changed_at: int
    """Unix seconds, by the clock of whoever changed it."""
    changed_by: str
    """Who signed it, as allowed_signers names him."""
    paths: int = 1
    """How many tunnels the node keeps, each to another gateway."""
    gateways: tuple[GatewayId, ...] = ()
    """The node's gateways in its order; empty: as the cards say."""
    begun: int = 1
    """The revision with which the present node of the name was added."""
    added_at: int = 0
    """Unix seconds: when the node that was removed had been added; 0: unknown, or not removed."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Keys of a later version, which stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry as it was read."""

    head: Head
    node: Node | None
    """None: the node was removed (a tombstone)."""
    body: bytes
    """The text of the node's own file; empty for a tombstone."""
    text: bytes
    """All of it, as it was signed."""

    @property
    def name(self) -> NodeName:
        return self.head.name

    @property
    def bars(self) -> bool:
        """Whether it lets nobody in."""
        return self.node is None or not self.node.enabled

    @property
    def born(self) -> int:
        """When its node was added, in Unix seconds, which tells two nodes of one name apart; 0:
        unknown.
        """
        return self.head.added_at if self.node is None else self.node.added_at


def entry_text(head: Head, node: Node | None, present: bytes = b"") -> bytes:
    """Render an entry; None: of a node that is removed. Comments, order and foreign keys of
    `present`, the node's file, stay. Raises InvalidValue if that could not be read again.
    """
    body = b"" if node is None else node_toml(replace(node, key_since=0), present)
    table = tomli_w.dumps({"entry": entry_table(head, node)})
    text = body.rstrip(b"\n") + b"\n\n" + table.encode() if body else b"\n" + table.encode()
    parse_entry(text)
    return text


def entry_table(head: Head, node: Node | None) -> dict[str, Any]:
    """Return what the table `[entry]` says, without default values."""
    forwards = () if node is None else node.forwards
    moves = [{"port": f.port, "next_port": f.next_port} for f in forwards if f.next_port]
    leaving = [f.port for f in forwards if f.leaves_at]
    return {
        "node": head.name,
        "rev": head.rev,
        "changed_at": head.changed_at,
        "changed_by": head.changed_by,
        **({"paths": head.paths} if head.paths != 1 else {}),
        **({"gateways": list(head.gateways)} if head.gateways else {}),
        **({"removed": True} if node is None else {}),
        **({"begun": head.begun} if head.begun != 1 else {}),
        **({"added_at": head.added_at} if node is None and head.added_at else {}),
        **({"calls_itself": node.calls_itself} if node and node.calls_itself else {}),
        **({"leave": leaving} if leaving else {}),
        **head.more,
        **({"move": moves} if moves else {}),
    }


def parse_entry(text: bytes) -> Entry:
    """Parse the text of an entry. Raises InvalidValue."""
    if len(text) > MOST_BYTES:
        raise InvalidValue(f"an entry larger than {MOST_BYTES >> 20} MiB is not ours")
    path = Path("entry")
    try:
        whole = table_in(path, text)
        table = whole.pop("entry", None)
        body, mark, _ = utf8(text).rpartition(MARK)
        if not isinstance(table, dict) or not mark:
            raise InvalidValue("it is not the entry of a node: it has no table [entry]")
        head = head_in(path, table)
        removed = flag_in(path, "removed", table.get("removed", False))
        if removed and whole:
            raise InvalidValue("it is removed, and yet it describes a node")
        place = Path(f"{head.name}.toml")
        node = None if removed else node_from(place, whole, tuple(unknown_in(whole)))
        if node is not None:
            node = with_rest(path, node, table, head)
    except ConfigError as error:
        raise InvalidValue(str(error)) from error
    return Entry(
        head=head, node=node, body=f"{body.rstrip()}\n".encode() if node else b"", text=text
    )


def utf8(text: bytes) -> str:
    """Decode what must travel as UTF-8. Raises InvalidValue."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise InvalidValue("it is not UTF-8 text") from None


def head_in(path: Path, table: Mapping[str, Any]) -> Head:
    """Parse the table `[entry]`. Raises ConfigError, InvalidValue."""
    gateways = table.get("gateways", [])
    if not isinstance(gateways, list):
        raise ConfigError(path, 'gateways must be a list of IDs, as in gateways = ["gw2", "gw1"]')
    return Head(
        name=parse_name(text_in(path, "node", table.get("node"))),
        rev=whole_in(path, "rev", table.get("rev"), 1, MOST_REV),
        changed_at=whole_in(path, "changed_at", table.get("changed_at"), 0, LATEST),
        changed_by=parse_signer(text_in(path, "changed_by", table.get("changed_by"))),
        paths=whole_in(path, "paths", table.get("paths", 1), 1, MOST_PATHS),
        gateways=tuple(parse_gateway_id(text_in(path, "gateways", one)) for one in gateways),
        begun=whole_in(path, "begun", table.get("begun", 1), 1, MOST_REV),
        added_at=whole_in(path, "added_at", table.get("added_at", 0), 0, LATEST),
        more={key: value for key, value in table.items() if key not in ENTRY_KEYS},
    )


def with_rest(path: Path, node: Node, table: Mapping[str, Any], head: Head) -> Node:
    """Add what waits for the node's device, and what that calls itself. Raises ConfigError."""
    moves, leaving = table.get("move", []), table.get("leave", [])
    if not isinstance(moves, list) or not isinstance(leaving, list):
        raise ConfigError(path, "move and leave must be lists")
    next_ports = {port_in(path, one, "port"): port_in(path, one, "next_port") for one in moves}
    leaves = {port_in(path, {"port": port}, "port") for port in leaving}

    def waiting(forward: Forward) -> Forward:
        port = next_ports.get(forward.port)
        return replace(
            forward,
            next_port=port,
            next_port_at=0 if port is None else head.changed_at,
            leaves_at=head.changed_at if forward.port in leaves else 0,
        )

    word = table.get("calls_itself", "")
    return replace(
        node,
        forwards=tuple(map(waiting, node.forwards)),
        next_key_at=0 if node.next_key is None else head.changed_at,
        calls_itself=parse_calls_itself(text_in(path, "calls_itself", word)) if word else "",
    )


def port_in(path: Path, table: Any, key: str) -> Port:
    if not isinstance(table, dict):
        raise ConfigError(path, "move must be a list of tables")
    return Port(whole_in(path, key, table.get(key), 1, 65535))


def shape(node: Node) -> Node:
    """Return the node without the times that each gateway keeps for itself."""
    return replace(
        node,
        key_since=0,
        forwards=tuple(replace(one, leaves_at=1 if one.leaves_at else 0) for one in node.forwards),
    )


def foreign(body: bytes) -> dict[str, Any]:
    """Return the keys of a node's file that are the admin's own, or a later version's. Raises
    ConfigError.
    """
    table = table_in(Path("node"), body)
    found = {key: value for key, value in table.items() if key not in NODE_KEYS}
    for number, forward in enumerate(tables(table.get("forward"))):
        own = {key: value for key, value in forward.items() if key not in FORWARD_KEYS}
        if own:
            found[f"forward {number}"] = own
    return found


def is_as_signed(entry: Entry, node: Node | None, present: bytes) -> bool:
    """Return whether a node, with the text of its file, is what the entry says. Comments do not
    matter.
    """
    if node is None or entry.node is None:
        return node is None and entry.node is None
    if shape(node) != shape(entry.node):
        return False
    try:
        return foreign(present) == foreign(entry.body)
    except ConfigError:
        return False


def is_followed(entry: Entry, node: Node | None) -> bool:
    """Return whether the node differs from the entry only because its device has followed: it uses
    its new key or port, or left a forward that was to go.
    """
    before = entry.node
    if before is None or node is None or before == node:
        return False
    key = node.public_key if node.public_key == before.next_key else before.public_key
    next_key = None if node.public_key == before.next_key else before.next_key
    gone = {one.port for one in before.forwards if one.leaves_at} - set(node.ports)
    forwards = [
        replace(one, port=one.next_port, next_port=None)
        if one.next_port is not None and one.port not in node.ports
        else one
        for one in before.forwards
        if one.port not in gone
    ]
    after = replace(before, public_key=key, next_key=next_key, forwards=tuple(forwards))
    return shape(after) == shape(node)


REV_LINE = re.compile(rb"^rev = ([0-9]{1,16})$", re.MULTILINE)


def rev_of(text: bytes) -> int:
    """Return the revision of an entry or card as we write them, without parsing all of it; 0 if
    that is not seen at once.
    """
    found = REV_LINE.search(text, text.rfind(MARK.encode()) + 1)
    return int(found[1]) if found else 0
