"""Acts on the rows that a filter shows: which of them, whether they still are so, and what came."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from checker.cli.seen import SeenByAll
from checker.control.outcome_words import DONE, NOT_DONE
from checker.model import Aim, Outcome, Verb
from checker.rows.row import NO_PORT, Key, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is acted on, and an outcome for each row that is left out."""

    aims: tuple[Aim, ...]
    left_out: tuple[Outcome, ...] = ()


def chosen_from(verb: Verb, rows: Sequence[Row]) -> Chosen:
    """Choose from the rows that match. Each aim names the process that was seen, so that no other
    is killed.
    """
    why_not = {row.key: objection(verb, row) for row in rows}
    return Chosen(
        aims=tuple(aim_at(row) for row in rows if not why_not[row.key]),
        left_out=tuple(left_out(aim_at(row), why_not[row.key]) for row in rows if why_not[row.key]),
    )


def aim_at(row: Row) -> Aim:
    return Aim(node=row.seen.node, port=row.seen.port, session=row.seen.session)


def left_out(aim: Aim, why: str) -> Outcome:
    return Outcome(node=aim.node, port=aim.port, done=False, sentence=why)


def objection(verb: Verb, row: Row) -> str:
    """Why nothing is done to this row, as a clause; empty if it is."""
    if row.where is not None and row.where.is_elsewhere:
        return row.where.refusal(verb)
    if row.seen.port == NO_PORT:
        return f"its file is broken, so there is no forward to {verb}; mend the file first"
    if verb is Verb.KILL and row.seen.session is None:
        return "no sshd process is known to hold the port, so there is nothing to kill"
    return ""


def without_those_elsewhere(chosen: Chosen, verb: Verb, seen: SeenByAll) -> Chosen:
    """Leave out what another gateway of the fleet holds."""
    found = {aim: seen.where.get((aim.node, aim.port)) for aim in chosen.aims}
    why_not = {aim: where.refusal(verb) if where else "" for aim, where in found.items()}
    return Chosen(
        aims=tuple(aim for aim in chosen.aims if not why_not[aim]),
        left_out=(
            *chosen.left_out,
            *(left_out(aim, why_not[aim]) for aim in chosen.aims if why_not[aim]),
        ),
    )


def still(chosen: Chosen, matching: Collection[Aim]) -> Chosen:
    """Leave out what no longer matches, or is held by another process, after the operator was
    asked.
    """
    return Chosen(
        aims=tuple(aim for aim in chosen.aims if aim in matching),
        left_out=(
            *chosen.left_out,
            *(
                left_out(aim, "changed after you were asked: left alone")
                for aim in chosen.aims
                if aim not in matching
            ),
        ),
    )


def failures_first(outcomes: Sequence[Outcome], good: Collection[Key]) -> list[Outcome]:
    """Sort those that are not good before the others, each in their order."""
    return sorted(outcomes, key=lambda one: (one.node, one.port) in good)


def summary(verb: Verb, count: int, good: int) -> Iterator[str]:
    """How many were done and how many were not, a clause each."""
    if count > good:
        yield f"{count - good} {'not up' if verb is Verb.PROBE else NOT_DONE[verb]}"
    yield f"{good} of {count} {'up' if verb is Verb.PROBE else DONE[verb]}"
