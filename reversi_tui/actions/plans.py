"""What an operator may do to rows, what to ask first, and what to check after "yes". Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from checker.model import Aim, ProcessId, Verb
from checker.rows.cells import named, safe, stranger
from checker.rows.row import NO_PORT, Key, Moment, Row


class Deed(StrEnum):
    """What can be done to a row: by the daemon (the first three), or in the registry."""

    KILL = "kill"
    RESET = "reset"
    PROBE = "probe"
    DISABLE = "disable"
    ENABLE = "enable"

    @property
    def verb(self) -> Verb | None:
        """The checker's word for it; None if the registry is changed instead."""
        return None if self in (Deed.DISABLE, Deed.ENABLE) else Verb(self.value)


def subject(deed: Deed, row: Row) -> str:
    """The forward, or the node, that it is done to."""
    return named(row) if deed.verb else safe(row.seen.node)


def objection(deed: Deed, row: Row, pending: Deed | None) -> str:
    """Why it cannot be done to this forward now, as a clause; empty if it can."""
    if pending:
        return f"{pending} is still under way"
    if deed.verb and row.seen.port == NO_PORT:
        return f"its file is broken, so there is no forward to {deed}; mend the file first"
    if deed is Deed.KILL and stranger(row):
        return f"the port is held by {stranger(row)}, which reversi never ends"
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
        return "already disabled"
    if deed is Deed.ENABLE and row.barred != "disabled":
        return "not disabled"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The forwards that a deed will be done to, and a sentence for each other one."""

    deed: Deed
    rows: tuple[Row, ...] = ()
    left_out: tuple[str, ...] = ()
    why: str = ""
    """The reason to disable nodes; empty: nobody said."""


def plan(deed: Deed, rows: Sequence[Row], pending: Mapping[Key, Deed], *, read_only: bool) -> Plan:
    """What can be done now; to disable or enable a node, one of its rows is enough."""
    if read_only:
        return Plan(deed=deed, left_out=(f"this console is read-only: {deed} is off",))
    if not rows:
        return Plan(deed=deed, left_out=(nothing_selected(deed),))
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


def nothing_selected(to: str) -> str:
    """What to say if a key needs a row, and none is selected."""
    return f"no row is selected: nothing to {to}"


def subjects(planned: Plan) -> str:
    """Its target, or the number of its targets."""
    if len(planned.rows) == 1:
        return subject(planned.deed, planned.rows[0])
    return f"{len(planned.rows)} {'forwards' if planned.deed.verb else 'nodes'}"


def gateway_of(row: Row) -> str:
    """The gateway that holds it, if it is another one; else empty."""
    return row.where.gateway if row.where is not None and row.where.is_elsewhere else ""


def held_by(row: Row) -> tuple[str, ProcessId] | None:
    """The gateway and the process that hold it; None: no process is known."""
    return (gateway_of(row), row.seen.session) if row.seen.session else None


def holder(row: Row) -> str:
    """The process that holds the port, and at which gateway, if at another one."""
    gateway = gateway_of(row)
    process = f"sshd {row.seen.session.pid}" if row.seen.session else stranger(row)
    return f"{process or 'no known process'}{f' at {gateway}' if gateway else ''}"


def no_longer(asked: Row, row: Row | None) -> str | None:
    """Why the row is not what the operator said yes to: its process must be the same, with the same
    start time. None if it is.
    """
    if row is None:
        return f"{named(asked)} is gone: left alone"
    if row.seen.session == asked.seen.session and gateway_of(row) == gateway_of(asked):
        return None
    before, after = holder(asked), holder(row)
    if asked.seen.session and row.seen.session and asked.seen.session.pid == row.seen.session.pid:
        after = f"another process with PID {row.seen.session.pid}"
    return f"{named(asked)} was held by {before} and is now held by {after}: left alone"


def still(asked: Plan, newest: Callable[[Key], Row | None], pending: Mapping[Key, Deed]) -> Plan:
    """The plan after "yes", without rows that changed since the question; a sentence for each."""
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
    return replace(asked, rows=again.rows, left_out=(*lost, *again.left_out))


def left(before: Row, now: Row | None, moment: Moment) -> str:
    """What to say when the selected row left the view by itself; `now` is None if it is gone."""
    if before.members:
        why = "is not one row any more"
    else:
        why = "is gone" if now is None else f"left this view: it is {moment.word(now)} now"
    return f"{named(before)} {why}; no row is selected"


def aim(row: Row) -> Aim:
    return Aim(node=row.seen.node, port=row.seen.port, session=row.seen.session)
