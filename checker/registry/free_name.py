"""A name for a device that asked to become a node. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache

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


@lru_cache(4096)  # a question about 1,000 devices compares each with each
def name_of_word(said: str) -> NodeName:
    """Return the name that a device gets for its word if nobody has it.

    It has no dots, as strangers choose it: in the configuration that `ssh-config` prints,
    github.com would hide that host, and office.20011 a port of node office.
    """
    try:
        name = name_like(said.replace(".", "-"))
    except InvalidValue:
        return NAMELESS
    return NAMELESS if name == "localhost" else name


def numbered(base: NodeName, number: int) -> NodeName:
    """Return the name with its number, if it is not the first."""
    if number == 1:
        return base
    end = f"-{number}"
    return NodeName(f"{base[: LONGEST - len(end)].rstrip('-.')}{end}")
