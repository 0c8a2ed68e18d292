"""Which rows are faults, and whether one is new enough to ring for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from checker.model import Status
from checker.rows.row import Key, Moment, Row

RING_EVERY_S = 10.0


def is_alarming(row: Row, moment: Moment) -> bool:
    """Whether it is a fault that somebody must know of: not a muted one, nor a forward that was
    not probed yet.
    """
    return (
        moment.is_fault(row)
        and row.mute is None
        and (row.seen.status is not Status.UNKNOWN or moment.is_stale(row))
    )


@dataclass(slots=True)
class Faults:
    """The faults as they come and go."""

    now: set[Key] = field(default_factory=set)
    rang_at: float = float("-inf")
    """Of a clock that never goes back."""

    def judge(
        self, rows: Iterable[Row], moment: Moment, probed: Collection[Key] = ()
    ) -> tuple[Row, ...]:
        """Look at these rows again; those that became a fault. Of those that were only probed again
        (`probed`) none did, but one may no longer be stale.
        """
        came: list[Row] = []
        for row in rows:
            if probed and row.key in probed and row.key not in self.now:
                continue
            if not is_alarming(row, moment):
                self.now.discard(row.key)
            elif row.key not in self.now:
                self.now.add(row.key)
                came.append(row)
        return tuple(came)

    def may_ring(self, clock_s: float) -> bool:
        """Whether the last ring is long enough ago; if so, this is one."""
        if clock_s - self.rang_at < RING_EVERY_S:
            return False
        self.rang_at = clock_s
        return True


def title(count: int, machine: str) -> str:
    """The title of the terminal's window."""
    faults = "" if not count else f"{count:,} fault{'' if count == 1 else 's'} - "
    return f"{faults}reversi {machine}"
