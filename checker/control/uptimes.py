"""Reads how much of the time forwards were up, for the command `report` and for the console."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from checker.model import HOUR_S, Forward, NodeName, Port, Tunnel, by_place, hour_at
from checker.rows.fleet_uptimes import (
    Told,
    Watch,
    changes_of,
    days_of,
    late_from,
    lately_of,
    lately_up,
    watch_of,
)
from checker.rows.row import HOURS
from checker.rows.uptimes import Change, Reported, change_in, reported, start_of
from checker.state.errors import StateError, StateMissing
from checker.state.store import open_reader
from checker.state.sums import read_summed
from checker.state.uptimes import ByForward, History, Times, first_event_at, history


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
        hour=hour_at(now) - HOURS + 1,
    )
    ended = min(now, times.at[1])
    with ExitStack() as stack:
        try:
            here = stack.enter_context(history(path, times, nodes))
        except StateMissing:
            if not mirrors:
                return [Reported(forward=forward) for forward in in_order]
            here = NO_HISTORY
        others = [one for one in (mirrored(stack, each, times, nodes) for each in mirrors) if one]
        spans = (times.at[0], ended), (times.hour * HOUR_S, now)
        return [did(forward, here, others, *spans) for forward in in_order]


NO_HISTORY = History(days=ByForward(()), changes=ByForward(()), lately={})
"""Of a machine that only watches other gateways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """What the mirror of another gateway has, which may lack the sums of days and hours."""

    history: History
    summed: Collection[str]
    """The days of which it has the sums."""
    tunnels: Mapping[tuple[NodeName, Port], Tunnel]
    since: float
    """When its oldest event was, Unix seconds."""
    until: float
    """When the gateway swept last, Unix seconds."""

    def told(self, place: tuple[NodeName, Port], changes: Sequence[Change]) -> Told:
        now = self.tunnels.get(place)
        return Told(changes=changes, now=now, since=self.since, until=self.until)


def mirrored(
    stack: ExitStack, path: Path, times: Times, nodes: Collection[NodeName] | None
) -> Mirrored | None:
    """Open a mirror until the stack closes; None if it cannot be read."""
    try:
        with closing(open_reader(path)) as state:
            sweep = state.last_sweep()
            with state.using() as db:
                summed = read_summed(db)
            return Mirrored(
                summed=summed.keys(),
                history=stack.enter_context(history(path, times, nodes)),
                tunnels=by_place(state.tunnels()),
                since=first_event_at(state) or 0.0,
                until=sweep.swept_at if sweep else 0.0,
            )
    except StateError:
        return None


def did(
    forward: Forward,
    here: History,
    others: Sequence[Mirrored],
    span: tuple[float, float],
    lately: tuple[float, float],
) -> Reported:
    """How a forward did in a span, and in the last hours, from what the state files have."""
    place = (forward.node, forward.port)
    own = Watch(here.days.of(place), changes_in(here, place))
    if not others:
        return reported(forward, own.days, own.changes, span, here.lately.get(place))
    watches, hours = [own], [(here.lately.get(place), 0.0)]
    for other in others:
        days, changes = other.history.days.of(place), changes_in(other.history, place)
        told = other.told(place, changes)
        watch = watch_of(told, *span, days, other.summed)
        watches.append(watch)
        summed = other.history.lately.get(place)
        hours.append((summed, watch.up_for_s) if summed else (lately_up(told, *lately), 0.0))
    found = days_of(watches, late_from(lately[1]))
    return reported(forward, found, changes_of(watches), span, lately_of(hours))


def changes_in(found: History, place: tuple[NodeName, Port]) -> list[Change]:
    changes = (change_in(at, kind, text) for at, kind, text in found.changes.of(place))
    return [change for change in changes if change is not None]
