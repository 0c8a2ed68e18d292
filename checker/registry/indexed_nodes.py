"""The nodes of a registry by name, each parsed when it is asked for.

Of 30,000 nodes an edit needs one, and of the others only their names, keys and ports. So a node may
be here as a row of the index (`checker.registry.index`), which has those in columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from dataclasses import dataclass, field, replace
from typing import Any, cast

from checker.model import ExpectKind, Node, NodeName, Port
from checker.registry.contests import Right
from checker.registry.node_rows import node_from_row, node_list

Row = list[bytes]
"""Checksum, name, signs, ports, keys, flags and JSON of a node, as the index has them."""
SIGNS, PORTS, KEYS, FLAGS, JSON = 2, 3, 4, 5, 6
COLUMNS = 7
PUBLISHES, UNKNOWN, DISABLED = b"p", b"u", b"d"
"""Flags: the node is published; its file has keys that this version does not know; it has no key
lines.
"""
SHARED, TWO_KEYS, OWN_PACE, PINNED = b"s", b"k", b"o", b"h"
"""Flags: the node uses the shared key; a new key waits; it is probed at a pace of its own while it
beats; it has a target that is known by its host key.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What the index said when the files were read, and what it lacked."""

    rows: Mapping[NodeName, Row] = field(default_factory=dict)
    """Of the files that are as the index has them."""
    reread: Mapping[NodeName, bytes] = field(default_factory=dict)
    """The signs of each file that is not; empty if it could change again unseen."""
    gone: frozenset[NodeName] = frozenset()
    """Nodes in the index that have no file any more."""
    dead: int = 0
    """Lines of the index that do not count."""
    is_public: bool = False
    """Whether everyone may read all of the files."""


class IndexedNodes(Mapping[NodeName, Node]):
    """All nodes by name, in the order of their files."""

    __slots__ = ("basis", "by_flag", "count", "entries", "identity", "origin", "owned", "taken")

    def __init__(self, entries: dict[NodeName, Node | Row], basis: Basis | None = None) -> None:
        self.entries = entries
        self.basis = basis or Basis()
        self.owned: dict[Right, NodeName] | None = None
        self.count = 0
        """Of rights that `owned` was made of."""
        self.by_flag: dict[bytes, list[NodeName]] = {}
        self.taken: frozenset[Port] | None = None
        self.identity = object()
        self.origin: tuple[object, frozenset[NodeName]] | None = None
        """The identity of the nodes that these were made of, and which of them may differ."""

    def __getitem__(self, name: NodeName) -> Node:
        found = self.entries[name]
        if isinstance(found, list):
            found = self.entries[name] = parsed(found)
        return found

    def __iter__(self) -> Iterator[NodeName]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def values(self) -> ValuesView[Node]:
        return self.whole().values()

    def items(self) -> ItemsView[NodeName, Node]:
        return self.whole().items()

    def whole(self) -> dict[NodeName, Node]:
        """Return all nodes, each parsed by now."""
        rows = [entry for entry in self.entries.values() if isinstance(entry, list)]
        for node in parsed_at_once(rows) if rows else ():
            self.entries[node.name] = node
        return cast("dict[NodeName, Node]", self.entries)

    def with_others(self, others: Mapping[NodeName, Node | None]) -> IndexedNodes:
        """Return these nodes with `others` in their places, new ones last; None removes one. What
        was found out about these nodes is not looked for again.
        """
        entries = self.entries | {name: node for name, node in others.items() if node is not None}
        for name in [name for name, node in others.items() if node is None]:
            entries.pop(name, None)
        after = IndexedNodes(entries, self.basis)
        after.by_flag = {
            flag: names
            for flag, names in self.by_flag.copy().items()  # another thread may add to it
            if not any(node is not None and HAS_FLAG[flag](node) for node in others.values())
            and others.keys().isdisjoint(names)
        }
        self.pass_on_owners(after, others)
        if self.taken is not None and others.keys().isdisjoint(self.entries):
            new = [node for node in others.values() if node is not None]
            after.taken = self.taken.union(port for node in new for port in node.ports)
        after.origin = self.identity, frozenset(others)
        return after

    def differing(self, before: IndexedNodes) -> set[NodeName]:
        """Return the nodes that came, went, or are not as they were."""
        old, new = before.entries, self.entries
        if self.origin is not None and self.origin[0] is before.identity:
            return {name for name in self.origin[1] if old.get(name) is not new.get(name)}
        changed = {name for name, entry in new.items() if old.get(name) is not entry}
        return changed.union(name for name in old if name not in new)

    def pass_on_owners(self, after: IndexedNodes, others: Mapping[NodeName, Node | None]) -> None:
        """Tell these nodes' owners to the nodes after a change, unless two ask for one right."""
        if self.owned is None or len(self.owned) < self.count:
            return
        owned, count = self.owned.copy(), self.count
        for right in [right for name in others if name in self for right in self.rights(name)]:
            del owned[right]
            count -= 1
        for name, node in others.items():
            for right in rights_in_node(node) if node is not None else ():
                owned[right] = name
                count += 1
        if len(owned) == count:
            after.owned, after.count = owned, count

    def flagged(self, flag: bytes) -> list[Node]:
        """Return the nodes that have this flag."""
        if flag not in self.by_flag:
            self.by_flag[flag] = [
                name
                for name, entry in self.entries.items()
                if (flag in entry[FLAGS] if isinstance(entry, list) else HAS_FLAG[flag](entry))
            ]
        return [self[name] for name in self.by_flag[flag]]

    def owners(self) -> Mapping[Right, NodeName]:
        """Return whose each key and each port is."""
        if self.owned is None:
            names = reversed(self.entries)  # of two, the first has it
            pairs = [(right, name) for name in names for right in self.rights(name)]
            self.count = len(pairs)  # first: another thread looks at it if there are owners
            self.owned = dict(pairs)
        return self.owned

    def having(self, rights: Iterable[Right]) -> set[NodeName]:
        """Return the nodes that have any of these keys and ports."""
        wanted = set(rights)
        is_new = self.owned is None and self.ports().isdisjoint(wanted)
        if is_new and not any(isinstance(one, str) and self.has_key(one) for one in wanted):
            return set()  # as for most new nodes
        owners = self.owners()
        return {owners[right] for right in wanted if right in owners}

    def rights(self, name: NodeName) -> tuple[Right, ...]:
        """Return the keys and ports of a node."""
        entry = self.entries[name]
        return rights_in_row(entry) if isinstance(entry, list) else rights_in_node(entry)

    def ports(self) -> frozenset[Port]:
        """Return the gateway ports that nodes have."""
        if self.taken is None:
            own = [port for node in self.parsed() for port in node.ports]
            self.taken = frozenset([*map(Port, map(int, self.column(PORTS))), *own])
        return self.taken

    def has_key(self, key: str) -> bool:
        """Return whether a node has the key."""
        rows = [entry[KEYS] for entry in self.entries.values() if isinstance(entry, list)]
        return key.encode() in b",".join(rows).split(b",") or any(
            key in node.public_keys for node in self.parsed()
        )

    def column(self, place: int) -> list[bytes]:
        """Return all that the rows have in this column."""
        entries = self.entries.values()
        texts = [entry[place] for entry in entries if isinstance(entry, list)]
        return [*filter(None, b",".join(texts).split(b","))]

    def parsed(self) -> list[Node]:
        """Return the nodes that are not only rows."""
        return [entry for entry in self.entries.values() if isinstance(entry, Node)]

    def count_of_keys(self) -> int:
        """Return how many keys may log in: each has a line."""
        rows = [entry for entry in self.entries.values() if isinstance(entry, list)]
        keys = b",".join([row[KEYS] for row in rows if row[KEYS] and DISABLED not in row[FLAGS]])
        own = sum(len(node.public_keys) for node in self.parsed() if node.enabled)
        return own + (keys.count(b",") + 1 if keys else 0)

    def is_contested(self) -> bool:
        """Return whether two nodes may have one key or port."""
        if self.owned is not None:
            return len(self.owned) < self.count
        rights: list[Any] = [*self.column(PORTS), *self.column(KEYS)]
        for node in self.parsed():
            rights += [str(right).encode() for right in rights_in_node(node)]
        return len(set(rights)) < len(rights)


def rights_in_row(row: Row) -> tuple[Right, ...]:
    keys = [key.decode() for key in row[KEYS].split(b",") if key]
    return (*keys, *(Port(int(port)) for port in row[PORTS].split(b",") if port))


def rights_in_node(node: Node) -> tuple[Right, ...]:
    return (*node.public_keys, *node.ports)


HAS_FLAG: Mapping[bytes, Callable[[Node], bool]] = {
    PUBLISHES: lambda node: any(forward.published for forward in node.forwards),
    UNKNOWN: lambda node: bool(node.unknown_keys),
    DISABLED: lambda node: not node.enabled,
    SHARED: lambda node: node.is_shared,
    TWO_KEYS: lambda node: node.next_key is not None,
    OWN_PACE: lambda node: node.probe_beating_every_s is not None,
    PINNED: lambda node: any(one.expect.kind is ExpectKind.HOSTKEY for one in node.forwards),
}


def flags_of(node: Node) -> bytes:
    """Return the flags of a node, as its row has them."""
    return b"".join(flag for flag, is_set in HAS_FLAG.items() if is_set(node))


def row_of(node: Node, signs: bytes) -> Row:
    """Return a node as the index has it, still without a checksum."""
    columns = (
        b"",
        node.name.encode(),
        signs,
        b",".join(str(port).encode() for port in node.ports),
        b",".join(key.encode() for key in node.public_keys),
        flags_of(node),
        json.dumps([node_list(node), node.unknown_keys], separators=(",", ":")).encode(),
    )
    return [*columns]


def parsed(row: Row) -> Node:
    """Return the node of a row."""
    listed, unknown = json.loads(row[JSON])
    node = node_from_row(listed)
    return replace(node, unknown_keys=tuple(unknown)) if unknown else node


def parsed_at_once(rows: Iterable[Row]) -> list[Node]:
    """Return the nodes of these rows, faster than one by one."""
    found = json.loads(b"[" + b",".join(row[JSON] for row in rows) + b"]")
    if not any(unknown for _, unknown in found):
        return [node_from_row(listed) for listed, _ in found]
    return [parsed(row) for row in rows]
