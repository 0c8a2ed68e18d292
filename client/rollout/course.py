"""How a rollout goes: what each device came to, how many go at once, and when to stop. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from checker.model import NodeName, Port

FAILURES_IN_A_ROW = 3


class Result(StrEnum):
    """What a device came to."""

    UPGRADED = "upgraded"
    SAME = "same"
    """It has this bundle already."""
    SKIPPED = "skipped"
    """Nobody went there."""
    FAILED = "failed"
    LEFT = "not started"
    """The rollout stopped before."""
    PLANNED = "would upgrade"
    """Only in a dry run."""

    @property
    def is_done(self) -> bool:
        return self in (Result.UPGRADED, Result.SAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What one device came to, for the table."""

    name: NodeName
    result: Result
    port: Port | None = None
    took_s: float | None = None
    detail: str = ""


@dataclass(slots=True)
class Course:
    """The rollout so far. Devices that were skipped neither help nor harm."""

    at_once: int
    came: list[Came] = field(default_factory=list)

    @property
    def tried(self) -> list[Came]:
        """The devices that somebody went to, in the order in which they ended."""
        return [one for one in self.came if one.result in (Result.UPGRADED, Result.FAILED)]

    @property
    def limit(self) -> int:
        """How many may go at once: one device alone goes first, to show that it works."""
        return self.at_once if any(one.result is Result.UPGRADED for one in self.tried) else 1

    @property
    def must_stop(self) -> bool:
        last = self.tried[-FAILURES_IN_A_ROW:]
        return len(last) == FAILURES_IN_A_ROW and all(one.result is Result.FAILED for one in last)


def counts(came: Sequence[Came]) -> str:
    """Return how many devices came to what: `3 upgraded, 1 failed`."""
    found = {result: sum(one.result is result for one in came) for result in Result}
    return ", ".join(f"{number} {result}" for result, number in found.items() if number)


def table(came: Sequence[Came]) -> list[tuple[str, ...]]:
    """Return the rows of the table, the devices that need attention last."""
    order = list(Result)
    rows = [
        (
            one.name,
            str(one.port or "-"),
            one.result.value,
            "-" if one.took_s is None else f"{one.took_s:.0f}s",
            one.detail,
        )
        for one in sorted(came, key=lambda one: (order.index(one.result), one.name))
    ]
    return [("NODE", "PORT", "RESULT", "TOOK", "DETAIL"), *rows]
