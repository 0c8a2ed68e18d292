"""What an operator may do to a row, what is asked first, and what must still be true after "yes". Pure."""

from __future__ import annotations

from checker.control import Aim, Verb
from reversi_tui.rows import Moment, Row, age_text

DANGEROUS = frozenset({Verb.KILL, Verb.RESET})
"""Verbs that end a process: they ask first."""


def named(row: Row) -> str:
    return f"{row.seen.node} port {row.seen.port}"


def refusal(verb: Verb, row: Row | None, pending: Verb | None, *, read_only: bool) -> str | None:
    """Why it can not be done now; None where it can."""
    if read_only:
        return f"this console is read-only: {verb} is not done"
    if row is None:
        return f"no row is selected: {verb} is not done"
    if pending:
        return f"{named(row)}: {pending} is still under way"
    if verb is Verb.KILL and row.seen.session is None:
        return f"{named(row)}: no sshd process is known to hold the port, so there is nothing to kill; p probes it, r resets it"
    return None


def question(verb: Verb, row: Row, moment: Moment) -> str:
    """What the operator is asked, with the target named."""
    seen = row.seen
    holder = f"sshd {seen.session.pid}" if seen.session else "no known sshd process"
    lasted = "" if seen.since is None else f" for {age_text(moment.now - seen.since)}"
    probed = "never probed" if seen.probed_at is None else f"probed {age_text(moment.now - seen.probed_at)} ago"
    stale = ", STALE" if moment.is_stale(row) else ""
    effect = {
        Verb.KILL: "The process is ended; the node reconnects.",
        Verb.RESET: "The process is ended, strikes and flaps are forgotten, and the node is told to come back at once.",
        Verb.PROBE: "",
    }[verb]
    return f"node  {seen.node}\nport  {seen.port}\nheld by  {holder}\nstatus  {seen.status}{lasted} ({probed}{stale})\n\n{effect}"


def no_longer(asked: Row, row: Row | None) -> str | None:
    """Why the row is not what the operator said yes to: its process must be the same, down to the start time. None where it is."""
    if row is None:
        return f"{named(asked)} is no longer there: not done"
    if row.seen.session == asked.seen.session:
        return None
    before = f"sshd {asked.seen.session.pid}" if asked.seen.session else "no known process"
    after = f"sshd {row.seen.session.pid}" if row.seen.session else "no known process"
    if asked.seen.session and row.seen.session and asked.seen.session.pid == row.seen.session.pid:
        after = f"another process with the number {row.seen.session.pid}"
    return f"{named(asked)} was held by {before} and is now held by {after}: not done"


def aim(row: Row) -> Aim:
    return Aim(node=row.seen.node, port=row.seen.port, session=row.seen.session)
