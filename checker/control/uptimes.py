"""Reads how much of the time forwards were up, for the command `report` and for the console."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from checker.model import HOUR_S, Forward, NodeName, Watched
from checker.rows.row import HOURS, Key
from checker.rows.uptimes import Change, Reported, change_in, downtimes, start_of
from checker.state.errors import StateMissing
from checker.state.store import StateFile, open_reader
from checker.state.uptimes import changes_between, days_between, lately


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The days of a report."""

    since: str
    until: str
    """Not included."""


def read_uptimes(
    path: Path,
    forwards: Iterable[Forward],
    span: Span,
    now: float,
    *,
    nodes: Collection[NodeName] | None = None,
) -> list[Reported]:
    """The forwards with their days and outages; without any before a state file exists. `nodes`:
    all that they belong to, if those are few. Raises StateError.
    """
    try:
        state = open_reader(path)
    except StateMissing:
        return [Reported(forward=forward) for forward in forwards]
    with closing(state):
        days = days_by_key(state, span, nodes)
        changes = changes_by_key(state, span, nodes)
        hours = {
            (node, port): Watched(day="", up_s=up_s, watched_s=watched_s)
            for node, port, up_s, watched_s in lately(state, int(now // HOUR_S) - HOURS + 1)
        }
    began, ended = start_of(span.since), min(now, start_of(span.until))
    return [
        Reported(
            forward=forward,
            days=(theirs := tuple(days.get(key, ()))),
            downtimes=downtimes(changes.get(key, ()), theirs, began, ended),
            lately=hours.get(key),
        )
        for forward in forwards
        for key in [(forward.node, forward.port)]
    ]


def days_by_key(
    state: StateFile, span: Span, nodes: Collection[NodeName] | None
) -> Mapping[Key, list[Watched]]:
    found: dict[Key, list[Watched]] = {}
    for node, port, *day in days_between(state, span.since, span.until, nodes):
        found.setdefault((node, port), []).append(Watched._make(day))
    return found


def changes_by_key(
    state: StateFile, span: Span, nodes: Collection[NodeName] | None
) -> Mapping[Key, list[Change]]:
    found: dict[Key, list[Change]] = {}
    events = changes_between(state, start_of(span.since), start_of(span.until), nodes)
    for node, port, at, kind, text in events:
        change = change_in(at, kind, text)
        if change is not None:
            found.setdefault((node, port), []).append(change)
    return found
