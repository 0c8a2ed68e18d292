"""The rows of several gateways as one: whose word about a forward counts. Pure.

A gateway at which nobody listens only says "not here". So a forward that a silent gateway held last
is stale, and not down, unless it was seen at another gateway since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from checker.model import ProcessId, Status, Tunnel, is_late
from checker.model.instance import PATHS
from checker.model.tunnel import is_held, lost_at
from checker.rows.row import WORST_FIRST, Key, Whereabouts, age_text

SILENT_S = 30.0
"""A gateway without a pulse for longer is unreachable."""
QUIET_S = 10.0
"""Of equal rows, that of a gateway without a pulse for longer comes last: several were missed."""
SAME_CLOCK_S = 2.0
"""Clocks that differ by no more count as one: most do, and a pulse takes some time, too."""
EXACT_S = 120.0
"""An age is told in seconds up to this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayView:
    """A gateway of the fleet, as this machine knows it."""

    id: str
    is_here: bool = False
    """Whether it is this machine; it needs no pulse."""
    every_s: float
    """Between its sweeps."""
    pulse_at: float | None = None
    """When its last pulse came, Unix seconds; None: none ever did."""
    ahead_s: float = 0.0
    """How far its clock was ahead of ours when that pulse came; 0 also if it was hardly."""
    state: str = ""
    """What it is for, as its pulse says: active, draining; empty: unknown."""
    trouble: str = ""
    """Why its mirror cannot be read."""
    paths: Mapping[ProcessId, int] = field(default_factory=dict, compare=False)
    """Which tunnel of its node each connection is, if the node keeps two."""

    def is_cut_off(self, now: float) -> bool:
        """Whether nothing was heard of it lately."""
        return self.misses_pulses(now, SILENT_S)

    def misses_pulses(self, now: float, seconds: float) -> bool:
        """Whether nothing was heard of it for this long."""
        return not self.is_here and (self.pulse_at is None or now - self.pulse_at > seconds)

    def sentence(self, now: float) -> str:
        """That it is unreachable, and for how long; empty if it is not."""
        if self.trouble:
            return f"{self.id}: {self.trouble}"
        if not self.is_cut_off(now):
            return ""
        if self.pulse_at is None:
            return f"{self.id} not heard yet"
        return f"{self.id} unreachable {silence(now - self.pulse_at)}"

    def as_json(self, now: float) -> dict[str, Any]:
        """What `--json` has about it; `heard_at` is None for this machine."""
        return {
            "id": self.id,
            "here": self.is_here,
            "heard_at": self.pulse_at,
            "unreachable": self.is_cut_off(now),
        }


def silence(seconds: float) -> str:
    """For how long nothing was heard, in words."""
    return f"{seconds:.0f} s" if seconds < EXACT_S else age_text(seconds)


class GatewayRow(NamedTuple):
    """What one gateway says about a forward."""

    view: GatewayView
    seen: Tunnel
    is_fresh: bool
    """Whether it was probed lately, and its gateway can be reached."""
    is_quiet: bool
    """Whether its gateway, reachable or not, missed several pulses."""

    @property
    def is_held(self) -> bool:
        return is_held(self.seen)

    @property
    def path(self) -> int:
        """Which of its node's two tunnels it is; 0: the node keeps one, or none was here."""
        paths, session = self.view.paths, self.seen.session
        return paths.get(session, 0) if paths and session else 0


def ahead(measured_s: float, before_s: float = 0.0) -> float:
    """How far a clock is ahead, from the last pulse. It is what it was before if that is about
    right, so that the times of all rows do not change with each pulse.
    """
    return before_s if abs(measured_s - before_s) <= SAME_CLOCK_S else float(round(measured_s))


def by_our_clock(seen: Tunnel, ahead_s: float) -> Tunnel:
    """The same with times by our clock, from a gateway whose clock is ahead."""
    if not ahead_s:
        return seen
    return replace(
        seen,
        since=earlier(seen.since, ahead_s),
        probed_at=earlier(seen.probed_at, ahead_s),
        checked_at=earlier(seen.checked_at, ahead_s),
        held_until=earlier(seen.held_until, ahead_s),
    )


def earlier(at: float | None, seconds: float) -> float | None:
    """0 is never, and stays that."""
    return at - seconds if at else at


def row_of(view: GatewayView, seen: Tunnel, now: float) -> GatewayRow:
    """What this gateway says about a forward, and whether it still counts."""
    seen = by_our_clock(seen, view.ahead_s)
    return GatewayRow(view, seen, is_fresh(view, seen, now), view.misses_pulses(now, QUIET_S))


def is_fresh(view: GatewayView, seen: Tunnel, now: float) -> bool:
    """Whether it was probed lately, and its gateway can be reached."""
    if seen.probed_at is None or view.is_cut_off(now):
        return False
    return not is_late(seen.probed_at, seen.due_s, view.every_s, now)


def chosen(rows: Sequence[GatewayRow]) -> GatewayRow:
    """The row whose word counts, of at least one: fresh before stale, held before not, up before
    others; a gateway that is not heard comes last. In whatever order they come, it is the same one.
    """
    held = [row for row in rows if row.is_held]
    if fresh := [row for row in held if row.is_fresh]:
        known = with_sessions(fresh)
        return min(known, key=lambda row: (WORST_LAST[row.seen.status], row.is_quiet, *place(row)))
    absent = [row for row in rows if not row.is_held]
    said = [row for row in absent if row.is_fresh] or absent
    stale = max(held, key=lambda row: (held_at(row), *backwards(row)), default=None)
    if stale is not None and (not said or held_at(stale) >= max(lost_at(row.seen) for row in said)):
        return stale
    return max(said, key=lambda row: (row.is_fresh, *lost(row), *backwards(row)))


def with_sessions(rows: Sequence[GatewayRow]) -> Sequence[GatewayRow]:
    """Those that name the session; if none does, all. Two gateways on one machine share its ports,
    and without privileges one of them sees that the port answers, but not whose tunnel it is.
    """
    return [row for row in rows if row.seen.session is not None] or rows


WORST_LAST = {status: -place for status, place in WORST_FIRST.items()}


def place(row: GatewayRow) -> tuple[bool, str]:
    """Among equals this gateway comes first: an operator can act here."""
    return not row.view.is_here, row.view.id


def backwards(row: GatewayRow) -> tuple[bool, tuple[int, ...]]:
    """The same, for the largest."""
    return row.view.is_here, tuple(-ord(letter) for letter in row.view.id)


def held_at(row: GatewayRow) -> float:
    """When the forward was surely here last: at the last pulse, if the row was not late then.
    Gateways report at once what changes, but seldom that a row was only probed again.
    """
    probed_at, pulse_at = row.seen.probed_at or 0.0, row.view.pulse_at or 0.0
    if is_late(probed_at, row.seen.due_s, row.view.every_s, pulse_at):
        return probed_at
    return max(probed_at, pulse_at)


def lost(row: GatewayRow) -> tuple[float, float]:
    """The larger, the later the forward was here; of those that never had it, the newest row."""
    return lost_at(row.seen), row.seen.since or 0.0


def seen_among(
    found: Sequence[tuple[GatewayView, Tunnel]], now: float
) -> tuple[Tunnel, Whereabouts]:
    """What was seen of a forward, where, and who else holds it; `found`: what each gateway that
    knows it says, of at least one.
    """
    held = [one for one in found if is_held(one[1])]
    if len(held) == 1:  # as with nearly all forwards: then nobody else counts
        view, seen = held[0][0], by_our_clock(held[0][1], held[0][0].ahead_s)
        if not view.paths and is_fresh(view, seen, now):
            return in_time(view, seen), whereabouts(view.id, is_elsewhere=not view.is_here)
    return merged([row_of(view, seen, now) for view, seen in found], now)


def merged(rows: Sequence[GatewayRow], now: float) -> tuple[Tunnel, Whereabouts]:
    """What was seen of a forward, where, and who else holds it."""
    row = rows[0] if len(rows) == 1 else chosen(rows)
    view, seen = row.view, row.seen
    held = with_sessions([each for each in rows if each.is_fresh and each.is_held])
    also = {each.view.id for each in held if each is not row}
    where = whereabouts(
        view.id,
        tuple(sorted(also)),
        is_cut_off=view.is_cut_off(now),
        is_elsewhere=not view.is_here and row.is_held,
        lacks=lacks(row, rows),
    )
    if where.half:
        seen = replace(seen, detail="; ".join(filter(None, (where.half, seen.detail))))
    return in_time(view, seen), where


def in_time(view: GatewayView, seen: Tunnel) -> Tunnel:
    """The same, late only after as long as its gateway says: another one than this may sweep more
    seldom. Whoever reads thousands has them so from the file, as a copy of each takes longer.
    """
    due_s = seen.due_s if view.is_here else max(view.every_s, seen.due_s or 0.0)
    return seen if seen.due_s == due_s else replace(seen, due_s=due_s)


def lacks(row: GatewayRow, rows: Iterable[GatewayRow]) -> str:
    """What is wrong with the other tunnel of a node that keeps two, if this row counts; else
    empty.
    """
    if not row.path or not row.is_fresh:
        return ""
    other = sum(PATHS) - row.path
    others = [each for each in rows if each.path == other]
    fresh = [each.seen.status for each in others if each.is_fresh]
    if not fresh:
        return f"path {other} is {'stale' if others else 'down'}"
    return f"path {other} hangs" if set(fresh) == {Status.HUNG} else ""


@lru_cache(4096)
def whereabouts(
    gateway: str,
    also: tuple[str, ...] = (),
    *,
    is_cut_off: bool = False,
    is_elsewhere: bool,
    lacks: str = "",
) -> Whereabouts:
    """One for all rows of which the same is true."""
    return Whereabouts(
        gateway=gateway,
        also=also,
        is_cut_off=is_cut_off,
        is_elsewhere=is_elsewhere,
        lacks=lacks,
    )


def merge(
    gateways: Iterable[tuple[GatewayView, Mapping[Key, Tunnel]]], now: float
) -> dict[Key, tuple[Tunnel, Whereabouts]]:
    """All rows of these gateways as one."""
    found: dict[Key, list[tuple[GatewayView, Tunnel]]] = {}
    for view, tunnels in gateways:
        for key, seen in tunnels.items():
            found.setdefault(key, []).append((view, seen))
    return {key: seen_among(each, now) for key, each in found.items()}
