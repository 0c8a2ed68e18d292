"""What one way of sending has told, and what it tells next. Pure.

Each way remembers for itself. A message that was not delivered was not told, so that the next one
has it too, as things are by then: nothing is lost, and no queue grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from checker.alerts.outages import UP, Ended, Outage, Outages

MOST_ENDED = 1000
"""Most ends of outages that wait for a way that delivers nothing."""
RETRY_S = 30.0
LONGEST_RETRY_S = 900.0
STORM_GAPS = 5
"""After a message about a storm the way is silent for five times `group_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a way told, and when it may tell more."""

    rounds: Mapping[int, int] = field(default_factory=dict)
    """The outages that it told, and not yet their end: for each the round."""
    ended: tuple[Ended, ...] = ()
    """What ended, and was not told yet."""
    dropped: int = 0
    """How many more ended, too many to keep."""
    wait_s: float = 0.0
    """How long it must still be silent."""
    failures: int = 0
    """In a row."""
    is_to_remind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one message says."""

    down: tuple[Outage, ...] = ()
    again: tuple[Outage, ...] = ()
    """Told before; their mute ended."""
    ended: tuple[Ended, ...] = ()
    """Those that were told."""
    missed: tuple[Ended, ...] = ()
    """Those that ended before they could be told."""
    dropped: int = 0
    still: tuple[Outage, ...] = ()
    """For a reminder: told before, and still down."""

    def __bool__(self) -> bool:
        return bool(
            self.down or self.again or self.ended or self.missed or self.dropped or self.still
        )

    @property
    def nodes(self) -> int:
        """How many nodes it names."""
        parts = (self.down, self.again, self.ended, self.missed, self.still)
        return max(len({one.place[0] for one in part}) for part in parts)


def heard(told: Told, ended: Iterable[Ended], passed_s: float, *, reminds: bool = False) -> Told:
    """Take in what ended meanwhile, and the time that passed."""
    waiting = (*told.ended, *(one for one in ended if one.how == UP or one.id in told.rounds))
    excess = max(0, len(waiting) - MOST_ENDED)
    return replace(
        told,
        ended=waiting[excess:],
        dropped=told.dropped + excess,
        wait_s=max(0.0, told.wait_s - passed_s),
        is_to_remind=told.is_to_remind or reminds,
    )


def news(told: Told, outages: Outages) -> News:
    """What the way should tell now, whether or not it may."""
    due = [one for one in outages.open.values() if one.is_due and not one.is_muted]
    failing = [one for one in due if not one.is_fine and told.rounds.get(one.id) != one.round]
    return News(
        down=in_order(one for one in failing if one.id not in told.rounds),
        again=in_order(one for one in failing if one.id in told.rounds),
        ended=tuple(one for one in told.ended if one.id in told.rounds),
        missed=tuple(one for one in told.ended if one.id not in told.rounds),
        dropped=told.dropped,
        still=in_order(one for one in due if told.rounds.get(one.id) == one.round)
        if told.is_to_remind
        else (),
    )


def owes(told: Told, outages: Outages) -> bool:
    """Whether anything is still untold, also of an outage that is just ending."""
    return bool(told.ended or told.dropped) or any(
        one.is_due and not one.is_muted and told.rounds.get(one.id) != one.round
        for one in outages.open.values()
    )


def in_order(outages: Iterable[Outage]) -> tuple[Outage, ...]:
    return tuple(sorted(outages, key=lambda one: one.place))


def may_tell(told: Told) -> bool:
    return told.wait_s <= 0.0


def after_delivery(told: Told, sent: News, *, group_s: float, storm: int) -> Told:
    """The way told this; meanwhile, more may have ended."""
    done = {one.id for one in (*sent.ended, *sent.missed)}
    rounds = {
        **{number: turn for number, turn in told.rounds.items() if number not in done},
        **{one.id: one.round for one in (*sent.down, *sent.again)},
    }
    gaps = STORM_GAPS if sent.nodes > storm else 1
    return replace(
        told,
        rounds=rounds,
        ended=tuple(one for one in told.ended if one.id not in done),
        dropped=max(0, told.dropped - sent.dropped),
        wait_s=gaps * group_s,
        failures=0,
        is_to_remind=False,
    )


def after_failure(told: Told) -> Told:
    """Try again later, and each time later still."""
    return replace(
        told,
        wait_s=min(LONGEST_RETRY_S, RETRY_S * 2.0 ** min(told.failures, 10)),
        failures=told.failures + 1,
    )


def without_news(told: Told) -> Told:
    """Forget what ended, as for a way that the settings no longer name: if it comes back, it tells
    only what is down then.
    """
    done = {one.id for one in told.ended}
    return replace(
        told,
        rounds={number: turn for number, turn in told.rounds.items() if number not in done},
        ended=(),
        dropped=0,
        is_to_remind=False,
    )
