"""A deed on one or many rows: how far it is, what is waited for, and what came of it. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from checker.control.outcome_words import summed_up
from checker.rows.row import Key
from reversi_tui.actions.plans import Deed

AT_ONCE = 16
"""Most targets under way at the same time: a probe may take half a minute."""
SLOW_S = 10.0
"""After this, say what is waited for."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """One deed on its targets."""

    deed: Deed
    total: int
    longest_s: float | None = None
    """How long the daemon may take to answer for one target; None: not the daemon is asked."""
    under_way: dict[Key, tuple[str, float]] = field(default_factory=dict)
    """The name of each target under way, and since when (Unix seconds)."""
    done: int = 0
    failed: int = 0
    is_stopped: bool = False
    """No more are started."""
    is_given_up: bool = False
    """Nobody waits for what is under way."""

    @property
    def is_over(self) -> bool:
        return not self.under_way and (self.is_stopped or self.done + self.failed == self.total)

    def slowest(self, now: float) -> tuple[str, float] | None:
        """The target that is waited for longest, if that is too long."""
        name, since = min(self.under_way.values(), key=lambda one: one[1], default=("", now))
        return (name, since) if now - since >= SLOW_S else None

    def may_stop(self, now: float) -> bool:
        """Whether there is something that escape would stop."""
        waits = self.total > self.done + self.failed + len(self.under_way)
        return (waits and not self.is_stopped) or self.slowest(now) is not None

    def stop(self, now: float) -> None:
        """Begin no further target; if one is slow, no longer wait for what is under way."""
        self.is_given_up |= self.slowest(now) is not None
        self.is_stopped = True

    def text(self, now: float) -> str:
        """How far it is, in one line; empty for one target that takes its usual time."""
        return "; ".join(filter(None, (self.count(), self.waits(now))))

    def count(self) -> str:
        if self.total == 1:
            return ""
        failed = f", {self.failed:,} failed" if self.failed else ""
        how = f"stopping, {len(self.under_way)} under way" if self.is_stopped else "esc stops"
        return f"{self.deed} {self.done + self.failed:,}/{self.total:,}{failed}, {how}"

    def waits(self, now: float) -> str:
        """What is waited for, until when, and what escape does."""
        slow = self.slowest(now)
        if slow is None:
            return ""
        name, since = slow
        if self.longest_s is None:
            until, who = "", "the registry"
        else:
            until, who = f" until {clock_time(since + self.longest_s)} at the latest", "the daemon"
        return (
            f"{name}: {who} has not answered {self.deed} for {int(now - since)} s; waiting{until};"
            " esc stops waiting, but it may still be done"
        )

    def summary(self, key: str) -> str:
        """How many of the targets it was done to; `key` shows the whole log."""
        what = "forwards" if self.deed.verb else "nodes"
        text = summed_up(self.deed, what, total=self.total, done=self.done, failed=self.failed)
        return text if self.done == self.total else f"{text}; {key} shows each"


def clock_time(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
