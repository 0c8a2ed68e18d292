"""How often a node is probed while its tunnel beats: the number in its file. Pure.

It gives no rights, so a wrong number is named and ignored: it must never lock a device out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from checker.model import InvalidValue, Node

KEY = "probe_beating_every_s"
LEAST_S, MOST_S = 5, 3600
DEFAULT = "default"


def beating_every_in(table: Mapping[str, Any]) -> float | None:
    """Return the seconds that a node's table says; None if it says none, or none that can be."""
    return float(table[KEY]) if is_well(table.get(KEY)) else None


def is_well(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and LEAST_S <= value <= MOST_S  # nor NaN
    )


def broken_beating_every(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield a clause if the table's number cannot be used."""
    if KEY in table and not is_well(table[KEY]):
        yield f"{KEY} must be a number from {LEAST_S} to {MOST_S}"


def beating_every_table(node: Node) -> dict[str, Any]:
    """Return the key of a node's file that says it."""
    return {} if node.probe_beating_every_s is None else {KEY: node.probe_beating_every_s}


def as_written(node: Node, before: Mapping[str, Any]) -> Iterator[str]:
    """Yield the key if the file, `before`, already says what the node has."""
    if beating_every_in(before) == node.probe_beating_every_s:
        yield KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """A change of how often a node is probed while it beats."""

    every_s: float | None = None
    """None: as the gateway's settings say."""
    is_asked: bool = False
    """False: it stays."""

    def __bool__(self) -> bool:
        return self.is_asked

    def of(self, node: Node) -> Node:
        """Return the node after the change."""
        return replace(node, probe_beating_every_s=self.every_s) if self.is_asked else node


def parse_pacing(text: str | None) -> Pacing:
    """Parse seconds or `default`; None: no change. Raises InvalidValue."""
    if text is None:
        return Pacing()
    if text == DEFAULT:
        return Pacing(is_asked=True)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not is_well(seconds):
        raise InvalidValue(
            f"--probe-beating-every {text[:40]!r} is out of bounds; write {LEAST_S} to {MOST_S}"
            f" seconds, or {DEFAULT}"
        )
    return Pacing(every_s=seconds, is_asked=True)


def pacing_clauses(before: Node, after: Node) -> Iterator[str]:
    """Compare how often both are probed while they beat."""
    if before.probe_beating_every_s != after.probe_beating_every_s:
        yield f"while it beats, probed every {said(before)} -> {said(after)}"


def said(node: Node) -> str:
    every_s = node.probe_beating_every_s
    return DEFAULT if every_s is None else f"{every_s:g} s"
