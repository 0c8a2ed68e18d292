"""From rows to what the alerts see. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from checker.alerts.picture import BROKEN_FILE, ONE_PATH, STALE, Picture, Seems, Sight
from checker.model import Status, is_stale
from checker.rows.filter import Filter
from checker.rows.row import NO_PORT, Moment, Row, Whereabouts

LATE_SWEEPS = 3
LEAST_LATE_S = 30.0
"""A daemon that was just restarted is not late."""


def picture(
    rows: Iterable[Row],
    *,
    moment: Moment,
    watched: Filter,
    passed_s: float | None,
    here: str = "",
) -> Picture:
    """What the alerts see in rows that can be trusted. `here`: this gateway's ID in its fleet."""
    found = tuple(rows)
    told = [(row, watched.shows(row, moment)) for row in found if not row.barred]
    half = [one for one in told if one[0].where is not None and one[0].where.lacks]
    lost = {
        row.seen.node: lost_path(row, row.where, is_watched=is_watched, here=here)
        for row, is_watched in sorted(half, key=lambda one: one[1])  # one that is watched counts
        if row.where is not None
    }
    return Picture(
        now=moment.now,
        passed_s=passed_s,
        sights=(
            *(sight(row, moment, is_watched=is_watched, here=here) for row, is_watched in told),
            *lost.values(),
        ),
        barred={row.seen.node: row.barred for row in found if row.barred},
    )


def sight(row: Row, moment: Moment, *, is_watched: bool, here: str = "") -> Sight:
    """What one row shows. A fault at another gateway that we hear is told there; here it proves
    nothing.
    """
    seen, where = row.seen, row.where
    stale = is_stale(seen, moment.every_s, moment.now) or (where is not None and where.is_cut_off)
    found = seems(seen.status, is_stale=stale)
    if found is Seems.FAULTY and where and where.gateway != here and not where.is_cut_off:
        found = Seems.UNCLEAR
    return Sight(
        place=(seen.node, BROKEN_FILE if seen.port == NO_PORT else seen.port),
        seems=found,
        why=STALE if stale else seen.status.value,
        since=seen.probed_at if stale else seen.since,
        leads=f"{row.forward.target} {row.forward.expect}" if row.forward else "",
        is_watched=is_watched,
        is_muted=row.mute is not None,
        is_registered=not row.unregistered,
    )


def lost_path(row: Row, where: Whereabouts, *, is_watched: bool, here: str) -> Sight:
    """What a row shows of the node's other tunnel, which is lost. The gateway that has the tunnel
    that is left tells it; elsewhere it proves nothing.
    """
    return Sight(
        place=(row.seen.node, ONE_PATH),
        seems=Seems.FAULTY if where.gateway == here else Seems.UNCLEAR,
        why=where.lacks,
        is_watched=is_watched,
        is_muted=row.mute is not None,
        is_registered=not row.unregistered,
    )


def seems(status: Status, *, is_stale: bool) -> Seems:
    """A forward that was not probed yet proves nothing."""
    if status is Status.UNKNOWN:
        return Seems.UNCLEAR
    return Seems.FINE if status is Status.UP and not is_stale else Seems.FAULTY


def why_untrusted(swept_at: float | None, every_s: float, now: float) -> str:
    """Why the rows prove nothing, as a clause; empty if the daemon sweeps. A sweep that lies in the
    future proves nothing either; the next one is not far.
    """
    if swept_at is None:
        return "the daemon has never swept"
    late_s = max(LEAST_LATE_S, LATE_SWEEPS * every_s)
    return "the daemon does not sweep" if abs(now - swept_at) > late_s else ""
