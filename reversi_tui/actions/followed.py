"""What becomes of the targets of a kill or a reset: killed, down, up again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from checker.control.outcome_words import DONE, NOT_DONE
from checker.model import ProcessId, Status
from checker.rows.cells import named
from checker.rows.row import Key, Moment, Row, age_text
from reversi_tui.actions.plans import Deed

FOLLOWED = frozenset({Deed.KILL, Deed.RESET})
PAST = {deed: DONE[deed] for deed in FOLLOWED}
SHOWN_S = 60.0
"""How long the line stays after all are back."""
STEP_S = 5
"""Running durations below a minute go in such steps: what seldom changes is seldom repainted."""
WAITING, FAILED, BACK, UNSEEN = "waiting", "failed", "back", "not probed yet"


@dataclass(slots=True, kw_only=True)
class Target:
    """One forward that something was done to."""

    name: str
    before: ProcessId | None
    """The process that held its port."""
    gateway: str = ""
    """The gateway of a fleet that held it, or held it last; empty: there is no fleet."""
    probed_at: float = 0.0
    """When that gateway had probed it last before the act, by its own clock."""
    acted_at: float | None = None
    """When the act was over (Unix seconds); None: not yet."""
    is_done: bool = False
    back_s: float | None = None
    """How long it took to be up again; None: it was not up since."""

    def is_back(self, row: Row, moment: Moment) -> bool:
        """Whether a probe after the act found it up, through another process."""
        if self.acted_at is None or moment.word(row) != Status.UP.value:
            return False
        is_other = self.before is None or row.seen.session != self.before
        return is_other and self.is_probed(row, self.acted_at)

    def is_probed(self, row: Row, acted_at: float) -> bool:
        """Whether the row is of a probe after the act. In a fleet its times may be by the clock of
        another gateway: then compare only times of one gateway.
        """
        probed_at = row.seen.probed_at or 0.0
        if row.where is None:
            return probed_at >= acted_at
        return row.where.gateway != self.gateway or probed_at > self.probed_at

    def look(self, row: Row, moment: Moment) -> None:
        """Note when it came back first."""
        if self.back_s is None and self.acted_at is not None and self.is_back(row, moment):
            self.back_s = max(0.0, came_at(row, self.acted_at, moment.now) - self.acted_at)

    def state(self, row: Row | None, moment: Moment) -> tuple[str, float]:
        """One word, and for how long (0: that says nothing)."""
        if self.acted_at is None:
            return WAITING, 0.0
        if not self.is_done:
            return FAILED, 0.0
        if row is None:
            return "gone", 0.0
        if self.is_back(row, moment):
            return BACK, 0.0
        if not self.is_probed(row, self.acted_at) and self.back_s is None:
            return "", 0.0
        since = row.seen.since or 0.0 if row.where is None else 0.0
        return moment.word(row), max(0.0, moment.now - max(self.acted_at, since))


def came_at(row: Row, acted_at: float, now: float) -> float:
    """When a row that is up again came back, by our clock: in a fleet, when we saw it first."""
    if row.where is not None:
        return now
    since = row.seen.since or 0.0
    return since if since >= acted_at else row.seen.probed_at or now


@dataclass(slots=True, kw_only=True)
class Followed:
    """A kill or reset, and what became of each target."""

    deed: Deed
    targets: dict[Key, Target] = field(default_factory=dict)
    over_at: float | None = None
    """When the last one was back; None: not yet."""

    def add(self, rows: Iterable[Row]) -> None:
        self.over_at = None
        for row in rows:
            self.targets[row.key] = Target(
                name=named(row),
                before=row.seen.session,
                gateway=row.where.gateway if row.where else "",
                probed_at=row.seen.probed_at or 0.0,
            )

    def acted(self, key: Key, now: float, *, done: bool) -> None:
        """The act on this target is over; another act's target is ignored."""
        target = self.targets.get(key)
        if target is not None:
            target.acted_at, target.is_done = now, done

    def look(self, row_of: Callable[[Key], Row | None], moment: Moment) -> bool:
        """Look at all targets again; whether all are back now, for the first time."""
        is_open = False
        for key, target in self.targets.items():
            row = row_of(key)
            if row is not None:
                target.look(row, moment)
            is_open |= target.state(row, moment)[0] not in (BACK, FAILED)
        if is_open:
            self.over_at = None
            return False
        is_new = self.over_at is None
        self.over_at = moment.now if self.over_at is None else self.over_at
        return is_new

    def is_stale(self, now: float) -> bool:
        """Whether all have been back for a minute, so that the line may go."""
        return self.over_at is not None and now - self.over_at >= SHOWN_S

    def text_of(self, key: Key, row: Row, moment: Moment) -> str:
        """What became of it, in place of the reason; empty if the reason says it."""
        target = self.targets.get(key)
        if target is None:
            return ""
        word, for_s = target.state(row, moment)
        if word in (WAITING, FAILED):
            return ""
        if word == BACK:
            return f"up after {exact(target.back_s or 0.0)}"
        return f"{word or PAST[self.deed]} {lasting(for_s)}".rstrip()

    def summary(self, row_of: Callable[[Key], Row | None], moment: Moment) -> str:
        """All targets in one line: those that are back with their median, then the others, each
        state with its longest duration.
        """
        found: dict[str, list[float]] = {}
        for key, target in self.targets.items():
            word, for_s = target.state(row_of(key), moment)
            found.setdefault(word or UNSEEN, []).append(
                target.back_s or 0.0 if word == BACK else for_s
            )
        back = found.pop(BACK, [])
        many = len(self.targets) > 1
        who = f"{len(self.targets):,}" if many else next(one.name for one in self.targets.values())
        parts = []
        if back:
            times = f"median {exact(median(back))}" if len(back) > 1 else f"after {exact(back[0])}"
            parts.append(f"{len(back):,} back ({times})" if many else f"back {times}")
        for word, times_s in sorted(found.items()):
            count = f"{len(times_s):,} " if many else ""
            what = NOT_DONE[self.deed] if word == FAILED else word
            parts.append(f"{count}{what} {lasting(max(times_s))}".rstrip())
        if parts == [NOT_DONE[self.deed]]:
            return f"{who}: {NOT_DONE[self.deed]}"
        return f"{who} {PAST[self.deed]}: {', '.join(parts)}"


def median(numbers: Iterable[float]) -> float:
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def exact(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else age_text(seconds)


def lasting(seconds: float) -> str:
    """A duration that goes on; empty for none."""
    if seconds < STEP_S:
        return ""
    return f"{int(seconds) // STEP_S * STEP_S} s" if seconds < 60 else age_text(seconds)
