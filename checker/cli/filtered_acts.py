"""Acts on the rows that a filter shows: which of them, whether they still are so, and what came."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from checker.cli.seen import SeenByAll
from checker.control.outcome_words import DONE, NOT_DONE
from checker.model import Aim, Outcome, Verb
from checker.rows.row import NO_PORT, Key, Row

NO_PROCESS = "no sshd process is known to hold the port, so there is nothing to kill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is acted on, and an outcome for each row that is left out."""

    aims: tuple[Aim, ...]
    left_out: tuple[Outcome, ...] = ()
    at: Mapping[Key, str] = field(default_factory=dict)
    """The gateway of each forward that another one of the fleet holds."""

    def gateway_of(self, one: Aim | Outcome) -> str:
        """Empty: this one."""
        return self.at.get((one.node, one.port), "")

    def without(self, why_not: Mapping[Aim, str]) -> Chosen:
        """Leave out the aims for which there is a reason."""
        return replace(
            self,
            aims=tuple(aim for aim in self.aims if not why_not.get(aim)),
            left_out=(
                *self.left_out,
                *(left_out(aim, why_not[aim]) for aim in self.aims if why_not.get(aim)),
            ),
        )


def chosen_from(verb: Verb, rows: Sequence[Row]) -> Chosen:
    """Choose from the rows that match. Each aim names the process that was seen, so that no other
    is killed.
    """
    why_not = {row.key: objection(verb, row) for row in rows}
    return Chosen(
        aims=tuple(aim_at(row) for row in rows if not why_not[row.key]),
        left_out=tuple(left_out(aim_at(row), why_not[row.key]) for row in rows if why_not[row.key]),
        at={row.key: row.where.gateway for row in rows if row.where and row.where.is_elsewhere},
    )


def aim_at(row: Row) -> Aim:
    return Aim(node=row.seen.node, port=row.seen.port, session=row.seen.session)


def left_out(aim: Aim, why: str) -> Outcome:
    return Outcome(node=aim.node, port=aim.port, done=False, sentence=why)


def objection(verb: Verb, row: Row) -> str:
    """Why nothing is done to this row, as a clause; empty if it is."""
    if row.seen.port == NO_PORT:
        return f"its file is broken, so there is no forward to {verb}; mend the file first"
    if verb is Verb.KILL and row.seen.session is None:
        return NO_PROCESS
    return ""


def where_they_are(chosen: Chosen, verb: Verb, seen: SeenByAll) -> Chosen:
    """Find what another gateway of the fleet holds, and by which process: only that one may be
    ended there.
    """
    wheres = {(aim.node, aim.port): seen.where.get((aim.node, aim.port)) for aim in chosen.aims}
    at = {key: where.gateway for key, where in wheres.items() if where and where.is_elsewhere}
    aims = tuple(
        replace(aim, session=seen.at(aim.node, aim.port).session)
        if (aim.node, aim.port) in at
        else aim
        for aim in chosen.aims
    )
    found = replace(chosen, aims=aims, at=at)
    if verb is not Verb.KILL:
        return found
    return found.without(
        {aim: NO_PROCESS for aim in aims if found.gateway_of(aim) and aim.session is None}
    )


def still(chosen: Chosen, matching: Collection[Aim]) -> Chosen:
    """Leave out what no longer matches, or is held by another process, after the operator was
    asked.
    """
    changed = "changed after you were asked: left alone"
    return chosen.without({aim: changed for aim in chosen.aims if aim not in matching})


def failures_first(outcomes: Sequence[Outcome], good: Collection[Key]) -> list[Outcome]:
    """Sort those that are not good before the others, each in their order."""
    return sorted(outcomes, key=lambda one: (one.node, one.port) in good)


def summary(verb: Verb, count: int, good: int) -> Iterator[str]:
    """How many were done and how many were not, a clause each."""
    if count > good:
        yield f"{count - good} {'not up' if verb is Verb.PROBE else NOT_DONE[verb]}"
    yield f"{good} of {count} {'up' if verb is Verb.PROBE else DONE[verb]}"
