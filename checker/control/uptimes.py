"""Reads how much of the time forwards were up, for the command `report` and for the console."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from checker.model import HOUR_S, Forward, NodeName, Port
from checker.rows.fleet_uptimes import Watch, changes_of, days_of, lately_of
from checker.rows.row import HOURS
from checker.rows.uptimes import Change, Reported, change_in, reported, start_of
from checker.state.errors import StateError, StateMissing
from checker.state.uptimes import History, Times, history


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The days of a report."""

    since: str
    until: str
    """Not included."""


def read_uptimes(  # noqa: PLR0913 - what, when, and from where
    path: Path,
    forwards: Iterable[Forward],
    span: Span,
    now: float,
    *,
    nodes: Collection[NodeName] | None = None,
    mirrors: Sequence[Path] = (),
) -> list[Reported]:
    """How the forwards did, by node and port; nothing is known before a state file exists. `nodes`:
    all that they belong to, if those are few. `mirrors`: of the other gateways in the fleet; what
    one of them lacks does not count. Raises StateError.
    """
    in_order = sorted(forwards, key=lambda forward: (forward.node, forward.port))
    times = Times(
        days=(span.since, span.until),
        at=(start_of(span.since), start_of(span.until)),
        hour=int(now // HOUR_S) - HOURS + 1,
    )
    ended = min(now, times.at[1])
    with ExitStack() as stack:
        histories = []
        for each in (path, *mirrors):
            try:
                histories.append(stack.enter_context(history(each, times, nodes)))
            except StateMissing:
                continue
            except StateError:
                if each == path:
                    raise
        return [did(forward, histories, (times.at[0], ended)) for forward in in_order]


def did(forward: Forward, histories: Sequence[History], span: tuple[float, float]) -> Reported:
    """How a forward did, from what the state files have."""
    if not histories:
        return Reported(forward=forward)
    place = (forward.node, forward.port)
    watches = [Watch(found.days.of(place), changes_in(found, place)) for found in histories]
    lately = [found.lately.get(place) for found in histories]
    if len(watches) == 1:
        return reported(forward, watches[0].days, watches[0].changes, span, lately[0])
    return reported(forward, days_of(watches), changes_of(watches), span, lately_of(lately))


def changes_in(found: History, place: tuple[NodeName, Port]) -> list[Change]:
    changes = (change_in(at, kind, text) for at, kind, text in found.changes.of(place))
    return [change for change in changes if change is not None]
