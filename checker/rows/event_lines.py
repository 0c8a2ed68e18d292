"""Events of one gateway or of several as one log: their order, and how pages are merged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from checker.model import Event

Line = tuple[Event, str]
"""An event, and in a fleet the ID of its gateway; else an empty text."""
Mark = tuple[float, str, int]
"""The place of a line in the log: in a fleet its time by its gateway's clock, its gateway and its
id; else its id alone, after 0.0 and an empty text.
"""
BEGIN: Mark = (0.0, "", 0)
END: Mark = (1e15, "", 1 << 62)
"""Before the first line, and after the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePage:
    """Lines, oldest first."""

    lines: tuple[Line, ...]
    is_last: bool
    """Nothing more lies in that direction."""


def mark_of(line: Line) -> Mark:
    """The place of a line: ids of several gateways cannot be compared, and one gateway's clock may
    have been set back.
    """
    event, gateway = line
    return (event.at, gateway, event.id) if gateway else (0.0, "", event.id)


def in_order(lines: Iterable[Line]) -> list[Line]:
    """The lines, oldest first."""
    return sorted(lines, key=mark_of)


def newest_of(parts: Sequence[LinePage], count: int) -> LinePage:
    """The newest lines of several logs, from a page of each: its newest lines, at least `count` of
    them unless it is the last one.
    """
    return merged(parts, count, slice(-count, None))


def oldest_of(parts: Sequence[LinePage], count: int) -> LinePage:
    """The oldest lines of several logs, from a page of each: its oldest lines, at least `count` of
    them unless it is the last one.
    """
    return merged(parts, count, slice(count))


def merged(parts: Sequence[LinePage], count: int, kept: slice) -> LinePage:
    """One page of several, of which these `count` lines are kept."""
    if len(parts) == 1:
        return parts[0]
    lines = in_order(line for part in parts for line in part.lines)
    is_last = len(lines) <= count and all(part.is_last for part in parts)
    return LinePage(lines=tuple(lines[kept]), is_last=is_last)
