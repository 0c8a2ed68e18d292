"""Reads how much of the time forwards were up, for the command `report` and for the console."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from checker.model import HOUR_S, Forward, NodeName
from checker.rows.row import HOURS
from checker.rows.uptimes import Reported, change_in, reported, start_of
from checker.state.errors import StateMissing
from checker.state.uptimes import History, Times, history


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
    """How the forwards did, by node and port; nothing is known before a state file exists. `nodes`:
    all that they belong to, if those are few. Raises StateError.
    """
    in_order = sorted(forwards, key=lambda forward: (forward.node, forward.port))
    times = Times(
        days=(span.since, span.until),
        at=(start_of(span.since), start_of(span.until)),
        hour=int(now // HOUR_S) - HOURS + 1,
    )
    ended = min(now, times.at[1])
    try:
        with history(path, times, nodes) as found:
            return [did(forward, found, (times.at[0], ended)) for forward in in_order]
    except StateMissing:
        return [Reported(forward=forward) for forward in in_order]


def did(forward: Forward, found: History, span: tuple[float, float]) -> Reported:
    """How a forward did, from what the state file has."""
    place = (forward.node, forward.port)
    changes = [change_in(at, kind, text) for at, kind, text in found.changes.of(place)]
    return reported(
        forward,
        found.days.of(place),
        [change for change in changes if change is not None],
        span,
        found.lately.get(place),
    )
