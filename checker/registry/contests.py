"""Decide which node keeps a right that several files ask for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from checker.model import NodeName, Port

Right = Port | str
"""A gateway port or a public key: only one node may have it."""
Age = tuple[float, ...]
"""Orders files, oldest first."""


@dataclass(slots=True)
class Contest:
    """The files that were read, and which node owns each right."""

    asked: Mapping[NodeName, frozenset[Right]]
    """What each readable file asks for."""
    held: Mapping[NodeName, frozenset[Right]]
    """What each node's key lines allow now."""
    ages: Mapping[NodeName, Age]
    unreadable: Collection[NodeName] = ()
    lost: dict[NodeName, tuple[Right, NodeName]] = field(default_factory=dict)
    """Nodes whose file asks for another's right: one such right, and its owner."""

    def settle(self) -> Mapping[NodeName, tuple[Right, NodeName]]:
        """Find every node that loses. A right stays with the node whose key line has it, else with
        the older file.

        A node that loses keeps what its lines allow, which another file may ask for in turn.
        """
        while fresh := self.losers():
            self.lost.update(fresh)
        return self.lost

    def losers(self) -> dict[NodeName, tuple[Right, NodeName]]:
        """Find the files that lose by what the others claim now."""
        found: dict[NodeName, tuple[Right, NodeName]] = {}
        for right, names in self.claims().items():
            owner = min(names, key=lambda name: self.rank(right, name))
            for name in names:
                if name != owner and name not in self.lost and name not in self.unreadable:
                    found.setdefault(name, (right, owner))
        return found

    def claims(self) -> dict[Right, list[NodeName]]:
        """Return the nodes that claim each right: with their file or, without one that counts,
        with their key lines.
        """
        found: dict[Right, list[NodeName]] = {}
        wanted = {
            **{name: self.held.get(name, frozenset()) for name in self.unreadable},
            **{
                name: self.held.get(name, frozenset()) if name in self.lost else rights
                for name, rights in self.asked.items()
            },
        }
        for name, rights in wanted.items():
            for right in rights:
                found.setdefault(right, []).append(name)
        return found

    def rank(self, right: Right, name: NodeName) -> tuple[bool, Age, NodeName]:
        """Return what is lowest for the node that keeps the right."""
        return right not in self.held.get(name, ()), self.ages.get(name, ()), name


def disputants(
    asked: Mapping[NodeName, Iterable[Right]],
    held_by: Callable[[Collection[NodeName]], Mapping[NodeName, Iterable[Right]]],
    unreadable: Collection[NodeName],
) -> frozenset[NodeName]:
    """Return the nodes that a contest needs to know, which are few of many: those whose file cannot
    be read or asks for what another asks for, and those that ask for what the key lines of these
    allow. `held_by` returns what the key lines of some nodes allow.
    """
    owners: dict[Right, NodeName] = {}
    found = set(unreadable)
    for name, rights in asked.items():
        for right in rights:
            owner = owners.setdefault(right, name)
            if owner != name:
                found |= {owner, name}
    fresh = frozenset(found)
    while fresh:
        held = held_by(fresh).values()
        fresh = frozenset(owners[one] for rights in held for one in rights if one in owners) - found
        found |= fresh
    return frozenset(found)


def contested(asked: Mapping[NodeName, frozenset[Right]]) -> bool:
    """Return whether two files ask for one right."""
    return sum(map(len, asked.values())) > len(frozenset[Right]().union(*asked.values()))
