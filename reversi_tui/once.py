"""`--once` and `--json`: print the table or a document for scripts, without Textual."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from checker.config.layout import Layout
from checker.control.all_rows import Found, read_all
from checker.model import Applicant, Status, tunnel_json
from checker.output import say
from checker.rows.cells import safe
from checker.rows.row import NO_PORT, Moment, Row
from reversi_tui.rows.columns import BY_ID, COLUMNS, DEFAULTS, Column
from reversi_tui.rows.order import in_order
from reversi_tui.settings.preferences import Preferences

PRINTED = tuple(
    BY_ID[name]
    for column in DEFAULTS
    for name in ((column.id, "probe") if column.id == "status" else (column.id,))
)
"""The columns if none are chosen. What is printed is read later, so it says how old it was."""
IN_FLEET = tuple(
    column
    for before in PRINTED
    for column in ((before, BY_ID["gateway"]) if before.id == "status" else (before,))
)
"""The same in a fleet."""
FROM_BEHIND = frozenset({"day", "week", "month", "flaps", "client", "instance"})
"""Columns that need more than a tunnel's own row in the state file."""
COLOURS = {
    Status.UP: "\x1b[32m",
    Status.HUNG: "\x1b[31m",
    Status.DOWN: "\x1b[31m",
    Status.REFUSED: "\x1b[33m",
    Status.WRONG: "\x1b[35m",
    Status.FOREIGN: "\x1b[35m",
    Status.UNKNOWN: "",
    Status.BROKEN: "\x1b[31m",
}
DIM = "\x1b[2m"
PLAIN = "\x1b[0m"


def arranged(rows: Sequence[Row], preferences: Preferences, moment: Moment) -> tuple[Row, ...]:
    """The rows that the filter shows, sorted; ties by node and port."""
    by_key = {row.key: row for row in rows}
    shown = [by_key[key] for key in sorted(by_key)]
    if preferences.filter_text:
        from checker.rows.filter import parse_filter  # only a filter needs it

        wanted = parse_filter(preferences.filter_text)
        shown = [row for row in shown if wanted.shows(row, moment)]
    if preferences.faults_only:
        shown = [row for row in shown if moment.is_fault(row)]
    column = BY_ID[preferences.sort_by]
    values = [column.value(row, moment) for row in shown]
    places = in_order(range(len(shown)), values, backwards=preferences.backwards)
    return tuple(shown[place] for place in places)


def columns_shown(preferences: Preferences, *, in_fleet: bool = False) -> tuple[Column, ...]:
    """The chosen columns, else the default ones; then the wide ones."""
    chosen = preferences.columns or tuple(
        column.id for column in IN_FLEET if in_fleet or not column.of_fleet
    )
    more = tuple(column.id for column in COLUMNS if column.wide and preferences.wide)
    return tuple(BY_ID[name] for name in dict.fromkeys((*chosen, *more)))


def table(
    rows: Sequence[Row],
    moment: Moment,
    columns: Sequence[Column] = PRINTED,
    *,
    colours: bool = False,
) -> str:
    """The columns, aligned and uncut; each character of a cell takes one place."""
    lines = [
        [column.title for column in columns],
        *([column.text(row, moment) for column in columns] for row in rows),
    ]
    widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
    paints = [{}, *({"status": colour(row, moment)} if colours else {} for row in rows)]
    return "\n".join(
        "  ".join(
            in_cells(text, width, column, paint.get(column.id, ""))
            for text, width, column in zip(texts, widths, columns, strict=True)
        ).rstrip()
        for texts, paint in zip(lines, paints, strict=True)
    )


def colour(row: Row, moment: Moment) -> str:
    """The colour of its status; a stale row's is not known."""
    return DIM if moment.is_stale(row) else COLOURS[row.seen.status]


def in_cells(text: str, width: int, column: Column, paint: str) -> str:
    """A cell's text in its width; the colour ends with the text, so that blanks have none."""
    room = " " * (width - len(text))
    shown = f"{paint}{text}{PLAIN}" if paint else text
    return room + shown if column.right else shown + room


def where_json(row: Row) -> dict[str, Any]:
    """Which gateways have it; without a fleet, nothing."""
    where = row.where
    return {} if where is None else {"gateway": where.gateway, "also": list(where.also)}


def document(rows: Sequence[Row], found: Found, waiting: int, now: float) -> str:
    """The rows as the document of `--json`; `waiting` devices ask to become nodes."""
    sweep = found.sweep and {"swept_at": found.sweep.swept_at, "every_s": found.sweep.every_s}
    known = [row for row in rows if row.forward and not row.unregistered]
    unregistered = [(row, found.unregistered[row.key]) for row in rows if row.unregistered]
    shown = {
        "schema": 1,
        "tunnels": [
            {
                **tunnel_json(row.forward, row.seen),
                "barred": row.barred or None,
                "barred_why": row.why_barred or None,
                "calls_itself": row.calls_itself or None,
                "tags": list(row.tags),
                "note": row.note or None,
                **where_json(row),
            }
            for row in known
            if row.forward
        ],
        "broken": [
            one.as_json()
            for one in found.broken
            if (one.name, NO_PORT) in {row.key for row in rows}
        ],
        "unregistered": [
            {
                **tunnel_json(each.forward, row.seen),
                "target": None,
                "calls_itself": each.calls_itself or None,
                "first_at": each.first_at,
                "last_at": each.last_at,
                **where_json(row),
            }
            for row, each in unregistered
        ],
        **({"gateways": [one.as_json(now) for one in found.gateways]} if found.gateways else {}),
    }
    return json.dumps(
        {**shown, "pending": waiting, "sweep": sweep, "problems": list(found.remarks)}
    )


def is_coloured(preferences: Preferences, environ: Mapping[str, str]) -> bool:
    return (
        sys.stdout.isatty()
        and preferences.theme != "mono"
        and environ.get("TERM", "dumb") != "dumb"
    )


def printed(text: str) -> str:
    """The text, in ASCII if the output's encoding or the locale cannot show all of it."""
    from reversi_tui.rows.uptime import in_ascii  # JSON needs neither
    from reversi_tui.terminal.environment import has_utf8

    if not has_utf8(os.environ):
        return in_ascii(text)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return in_ascii(text)
    return text


def refuse_mistakes(text: str, rows: Sequence[Row], moment: Moment) -> None:
    """Raises MistakenFilter."""
    if text:
        from checker.rows.mistakes import check_filter  # only a filter needs it

        check_filter(text, rows, moment)


def asks_for_waiting(text: str) -> bool:
    """Whether the filter has `is:pending`: only then are devices that wait in the table."""
    if not text:
        return False
    from checker.rows.filter import parse_filter
    from checker.rows.states import states_called

    parts = (part for term in parse_filter(text).terms for part in term.parts)
    return any(
        part.name == "is"
        and not part.is_inverted
        and "pending" in states_called(part.value.lower())
        for part in parts
    )


def waiting_in(layout: Layout, found: Found) -> tuple[Applicant, ...]:
    """The devices that wait to be accepted."""
    if not found.applicants:
        return ()
    from checker.control.applicant_list import true_ones  # on most gateways nobody waits

    return tuple(one for one in true_ones(layout, found.applicants) if not one.is_rejected)


def waiting_rows(layout: Layout, waiting: Sequence[Applicant]) -> tuple[Row, ...]:
    """The rows of the devices that wait. Raises ConfigError."""
    from checker.registry.enrolments import read_enrolments
    from checker.rows.applicants import pending_row

    enrolments = read_enrolments(layout.enrolments).found
    return tuple(pending_row(one, enrolments.get(one.enrolment)) for one in waiting)


def print_once(  # noqa: PLR0913 - what to print, when, and of whom
    layout: Layout,
    preferences: Preferences,
    *,
    every_s: float,
    now: float,
    as_json: bool,
    only_here: bool = False,
) -> bool:
    """Print the table or the document; whether no row shown is a fault. `only_here`: without what
    other gateways of the fleet saw. Raises StateError, NotPrinted; MistakenFilter, as a mistyped
    filter would hide faults from a script.
    """
    asked = () if as_json else columns_shown(preferences)
    behind = bool(preferences.filter_text) or bool(
        FROM_BEHIND & {preferences.sort_by, *(column.id for column in asked)}
    )
    found = read_all(layout, behind=behind, now=now, only_here=only_here)
    columns = columns_shown(preferences, in_fleet=bool(found.gateways))
    moment = Moment(now=now, every_s=found.sweep.every_s if found.sweep else every_s)
    all_rows, waiting = found.rows, waiting_in(layout, found)
    if waiting and asks_for_waiting(preferences.filter_text):
        all_rows += waiting_rows(layout, waiting)
    refuse_mistakes(preferences.filter_text, all_rows, moment)
    rows = arranged(all_rows, preferences, moment)
    for remark in found.remarks:
        print(f"reversi-tui: {safe(remark, 600)}", file=sys.stderr)
    if all_rows and not rows:
        from checker.rows.mistakes import why_nothing  # only this needs it

        reason = why_nothing(preferences.filter_text, all_rows, moment)
        print(f"reversi-tui: {safe(reason, 600)}", file=sys.stderr)
    say(
        document(rows, found, len(waiting), now)
        if as_json
        else printed(table(rows, moment, columns, colours=is_coloured(preferences, os.environ)))
    )
    return not any(map(moment.is_fault, rows))
