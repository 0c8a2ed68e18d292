"""What an operator may do to rows, what is asked first, and what must still be true after "yes".
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from checker.model import Aim, Verb
from reversi_tui.rows.cells import named, safe
from reversi_tui.rows.row import NO_PORT, Key, Moment, Row, age_text


class Deed(StrEnum):
    """What can be done to a row: the daemon does the first three, the registry tells the others."""

    KILL = "kill"
    RESET = "reset"
    PROBE = "probe"
    DISABLE = "disable"
    ENABLE = "enable"

    @property
    def verb(self) -> Verb | None:
        """What the checker is asked for; None where the registry is changed instead."""
        return None if self in (Deed.DISABLE, Deed.ENABLE) else Verb(self.value)


EFFECTS = {
    Deed.KILL: "The process is ended; the node reconnects.",
    Deed.RESET: (
        "The process is ended, strikes and flaps are forgotten, and the node is told to come back"
        " at once."
    ),
    Deed.DISABLE: (
        "The node's tunnel is ended, with all its forwards, and its key opens nothing until it is"
        " enabled again (e)."
    ),
}
"""Of the deeds that ask first."""


def subject(deed: Deed, row: Row) -> str:
    """What it is done to: a node is disabled with all its forwards."""
    return named(row) if deed.verb else safe(row.seen.node)


def objection(deed: Deed, row: Row, pending: Deed | None) -> str:
    """Why it can not be done to this forward now, as a clause; empty where it can."""
    if pending:
        return f"{pending} is still under way"
    if deed.verb and row.seen.port == NO_PORT:
        return f"it is broken, and no forward, so there is nothing to {deed}; mend the file first"
    if deed is Deed.KILL and row.seen.session is None:
        return (
            "no sshd process is known to hold the port, so there is nothing to kill; p probes it, r"
            " resets it"
        )
    if deed.verb is None and row.unregistered:
        return (
            f"the node is not registered, so there is nothing to {deed}; reversi-checker node adopt"
            " registers it"
        )
    if deed is Deed.DISABLE and row.barred == "disabled":
        return "it is disabled already"
    if deed is Deed.ENABLE and row.barred != "disabled":
        return "it is not disabled"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Forwards that a deed is meant for: those that it can be done to, and a sentence for each
    other.
    """

    deed: Deed
    rows: tuple[Row, ...] = ()
    left_out: tuple[str, ...] = ()


def plan(deed: Deed, rows: Sequence[Row], pending: Mapping[Key, Deed], *, read_only: bool) -> Plan:
    """What can be done now; of a node that is disabled or enabled, one row stands for all."""
    if read_only:
        return Plan(deed=deed, left_out=(f"this console is read-only: {deed} is not done",))
    if not rows:
        return Plan(deed=deed, left_out=(f"no row is selected: {deed} is not done",))
    if deed.verb is None:
        rows = tuple({row.seen.node: row for row in rows}.values())
    why_not = {row.key: objection(deed, row, pending.get(row.key)) for row in rows}
    return Plan(
        deed=deed,
        rows=tuple(row for row in rows if not why_not[row.key]),
        left_out=tuple(
            f"{subject(deed, row)}: {why_not[row.key]}" for row in rows if why_not[row.key]
        ),
    )


def subjects(planned: Plan) -> str:
    """What it is meant for, in a word or two."""
    if len(planned.rows) == 1:
        return subject(planned.deed, planned.rows[0])
    return f"{len(planned.rows)} {'forwards' if planned.deed.verb else 'nodes'}"


def title(planned: Plan) -> str:
    """The question in a line."""
    deed = planned.deed.capitalize()
    if planned.deed.verb is None:
        return (
            f"{deed} this node?"
            if len(planned.rows) == 1
            else f"{deed} these {len(planned.rows)} nodes?"
        )
    return (
        f"{deed} this forward?"
        if len(planned.rows) == 1
        else f"{deed} these {len(planned.rows)} forwards?"
    )


def question(planned: Plan, moment: Moment, hidden: int = 0, beside: Sequence[Row] = ()) -> str:
    """What the operator is asked, with each target named; `hidden` of them the filter does not
    show, `beside` go down with them.
    """
    parts = (
        [one(planned.rows[0], moment)]
        if len(planned.rows) == 1
        else [several(planned.rows, moment)]
    )
    parts.append(EFFECTS.get(planned.deed, ""))
    if beside:
        names = ", ".join(f"{named(row)} ({row.seen.status})" for row in beside)
        parts.append(f"Held by the same process, and ended with it: {names}.")
    if hidden:
        parts.append(
            f"{hidden} of them {'is' if hidden == 1 else 'are'} marked, and not shown by the"
            " filter."
        )
    if planned.left_out:
        parts.append("Left out:\n" + "\n".join(planned.left_out))
    return "\n\n".join(part for part in parts if part)


def beside(planned: Plan, rows: Iterable[Row]) -> tuple[Row, ...]:
    """Those of the rows that end with the plan's, as the same process holds their ports."""
    if planned.deed not in (Deed.KILL, Deed.RESET):
        return ()
    meant, ending = (
        {row.key for row in planned.rows},
        {row.seen.session for row in planned.rows} - {None},
    )
    return tuple(row for row in rows if row.seen.session in ending and row.key not in meant)


def one(row: Row, moment: Moment) -> str:
    """A forward that is asked about alone."""
    seen = row.seen
    lasted = "" if seen.since is None else f" for {age_text(moment.now - seen.since)}"
    probed = (
        "never probed"
        if seen.probed_at is None
        else f"probed {age_text(moment.now - seen.probed_at)} ago"
    )
    stale = ", STALE" if moment.is_stale(row) else ""
    return (
        f"node     {safe(seen.node)}\nport     {seen.port}\nheld by  {holder(row)}\n"
        f"status   {seen.status}{lasted} ({probed}{stale})"
    )


def holder(row: Row) -> str:
    """The process that holds the port."""
    return f"sshd {row.seen.session.pid}" if row.seen.session else "no known process"


def several(rows: Iterable[Row], moment: Moment) -> str:
    """One line for each: node, port, process, status and its age."""
    cells = [
        (safe(row.seen.node), str(row.seen.port), holder(row), lasting(row, moment)) for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def lasting(row: Row, moment: Moment) -> str:
    """The status, since when, and whether that can be believed."""
    age = "" if row.seen.since is None else f" {age_text(moment.now - row.seen.since)}"
    return f"{row.seen.status}{age}{' STALE' if moment.is_stale(row) else ''}"


def summed_up(done: Sequence[bool], key: str) -> str:
    """How many of several targets it was done to; `key` shows the whole log."""
    return (
        f"done to all {len(done)}"
        if all(done)
        else f"done to {sum(done)} of {len(done)}; {key} tells why not to all"
    )


def no_longer(asked: Row, row: Row | None) -> str | None:
    """Why the row is not what the operator said yes to: its process must be the same, down to the
    start time. None where it is.
    """
    if row is None:
        return f"{named(asked)} is no longer there: not done"
    if row.seen.session == asked.seen.session:
        return None
    before, after = holder(asked), holder(row)
    if asked.seen.session and row.seen.session and asked.seen.session.pid == row.seen.session.pid:
        after = f"another process with the number {row.seen.session.pid}"
    return f"{named(asked)} was held by {before} and is now held by {after}: not done"


def still(asked: Plan, newest: Callable[[Key], Row | None], pending: Mapping[Key, Deed]) -> Plan:
    """The plan after "yes": without the rows that are no longer what was asked about, each with a
    sentence.
    """
    kept: list[Row] = []
    lost: list[str] = []
    for row in asked.rows:
        now = newest(row.key)
        # a node is barred whoever holds its port
        gone = no_longer(row, now) if asked.deed.verb or now is None else None
        if gone or now is None:
            lost.append(gone or "")
        else:
            kept.append(now)
    again = plan(asked.deed, kept, pending, read_only=False) if kept else Plan(deed=asked.deed)
    return Plan(deed=asked.deed, rows=again.rows, left_out=(*lost, *again.left_out))


def aim(row: Row) -> Aim:
    return Aim(node=row.seen.node, port=row.seen.port, session=row.seen.session)
