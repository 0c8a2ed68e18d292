"""A name for a device that asked to become a node. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from checker.model import InvalidValue, NodeName
from checker.registry.imported import name_like

LONGEST = 63
NAMELESS = NodeName("device")
"""The name of a device that says nothing that could name a node."""


def free_name(said: str, is_taken: Callable[[NodeName], bool]) -> NodeName:
    """Return a node's name like what the device calls itself, with -2, -3 and so on if taken."""
    base = name_of_word(said)
    names = (numbered(base, number) for number in itertools.count(1))
    return next(name for name in names if not is_taken(name))


def name_of_word(said: str) -> NodeName:
    """Return the name that a device gets for its word if nobody has it."""
    try:
        return name_like(said)
    except InvalidValue:
        return NAMELESS


def numbered(base: NodeName, number: int) -> NodeName:
    """Return the name with its number, if it is not the first."""
    if number == 1:
        return base
    end = f"-{number}"
    return NodeName(f"{base[: LONGEST - len(end)].rstrip('-.')}{end}")
