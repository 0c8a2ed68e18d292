"""The texts of a row's sheet, one for each of its tabs. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import zip_longest

from rich.text import Text

from checker.model import Applicant, printable
from checker.rows.cells import status_text
from checker.rows.hours import known_at
from checker.rows.row import HOURS, Moment, Row
from reversi_tui.rows.detail_text import (
    LABEL,
    event_text,
    hanging,
    hour_labels,
    hours_text,
    meaning,
)
from reversi_tui.rows.dossier import Dossier, Paper
from reversi_tui.rows.pending_text import fields_of, meaning_of
from reversi_tui.rows.raw_text import answer_lines, stored
from reversi_tui.rows.sheet_groups import Fields, groups
from reversi_tui.rows.uptime import DAYS, days_chart, days_text, last_days, percent, runs

READING = "reading the rest..."
GAP = 2
FEW_EVENTS = 5
STATED = 14
"""Cells of a field's name in the raw tab."""
LEAST_HEIGHT = 20
"""A sheet with fewer lines gets bars one line high."""


class Tab(StrEnum):
    """A page of the sheet."""

    STATE = "state"
    EVENTS = "events"
    HISTORY = "history"
    REGISTRY = "registry"
    RAW = "raw"


TABS = tuple(Tab)


def tabs_line(shown: Tab, paper: Paper) -> Text:
    """The names of the tabs with their keys; the one shown is in reverse, also without colours."""
    text = Text()
    for number, tab in enumerate(TABS, 1):
        style = "bold reverse" if tab is shown else paper.palette.dim
        text.append(f" {number} {tab} ", style=style)
    return text


def tab_text(tab: Tab, row: Row, moment: Moment, dossier: Dossier | None, paper: Paper) -> Text:
    """The text of one tab; without a dossier, the rest is still being read."""
    return WRITERS[tab](row, moment, dossier, paper)


def described(row: Row, moment: Moment, dossier: Dossier | None, paper: Paper) -> Text:
    """The first tab: the status and what it means, the groups, the charts, the last events; on a
    short screen the events follow what was seen last.
    """
    if row.applicant is not None and not row.members:
        return pending(row, row.applicant, moment, dossier, paper)
    text = Text()
    style = paper.palette.warning if row.is_shut else paper.palette.status[row.seen.status]
    add_status(text, status_text(row, moment), meaning(row, moment), style, paper)
    found, first = groups(row, moment, dossier), paper.columns
    add_groups(text, found[:first], row.barred, paper)
    has_read = dossier is not None and not dossier.trouble
    if dossier and has_read and paper.is_short:
        add_events(text, dossier, paper, FEW_EVENTS)
    add_groups(text, found[first:], row.barred, paper)
    add_hours(text, row, moment, paper)
    if dossier is None or not has_read:
        return unread(text, dossier, paper)
    add_days(text, row, dossier, moment, paper)
    if not paper.is_short:
        add_events(text, dossier, paper, FEW_EVENTS)
    text.rstrip()
    return text


def pending(
    row: Row, applicant: Applicant, moment: Moment, dossier: Dossier | None, paper: Paper
) -> Text:
    """The first tab of a device that waits to be accepted."""
    text, style = Text(), paper.palette.warning
    add_status(text, status_text(row, moment), meaning_of(applicant), style, paper)
    add_fields(text, fields_of(row, applicant, moment), paper)
    if dossier:
        add_events(text, dossier, paper, FEW_EVENTS)
    text.rstrip()
    return text


def events_tab(row: Row, _: Moment, dossier: Dossier | None, paper: Paper) -> Text:
    text = Text()
    if dossier is None or dossier.trouble:
        return unread(text, dossier, paper)
    lines = [hanging(event_text(event), paper.width, 2) for event in reversed(dossier.events)]
    heading = f"last events of {printable(row.seen.node)}, newest first"
    text.append(f"{hanging(heading, paper.width, 0)}\n", style="bold")
    return text.append("\n".join(lines) or "none")


def history_tab(row: Row, moment: Moment, dossier: Dossier | None, paper: Paper) -> Text:
    text = Text()
    add_hours(text, row, moment, paper)
    if dossier is None or dossier.trouble:
        return unread(text, dossier, paper)
    add_days(text, row, dossier, moment, paper)
    if known_at(row):
        return text
    add_heading(text, "days with losses", "the newest first", paper)
    lost = [
        f"{day}  {percent(share):>7}"
        for day, share in reversed(last_days(dossier.days, today(moment)))
        if share is not None and share < 1
    ]
    return text.append("\n".join(lost) or "none")


def registry_tab(row: Row, _: Moment, dossier: Dossier | None, paper: Paper) -> Text:
    text = Text()
    if dossier is None or dossier.trouble:
        return unread(text, dossier, paper)
    if not dossier.registry:
        return text.append(f"{printable(row.seen.node)} has no file in the registry")
    text.append(f"{hanging(printable(dossier.file, 2000), paper.width, 4)}\n\n", style="bold")
    lines = (printable(line, 2000) for line in dossier.registry.splitlines())
    return text.append("\n".join(hanging(line, paper.width, 4) for line in lines))


def raw_tab(row: Row, _: Moment, __: Dossier | None, paper: Paper) -> Text:
    text = Text()
    for member in row.members or (row,):
        port = f" on port {member.seen.port}" if row.members else ""
        add_heading(text, f"last answer{port}", "as it came, cut by the gateway", paper)
        text.append("\n".join(answer_lines(member.seen.answer, paper.width)))
        text.append("\n\nin the state file\n", style="bold")
        for name, value in stored(member.seen):
            text.append(f"{name:<{STATED}}{hanging(value, paper.width, STATED)}\n")
    text.rstrip()
    return text


WRITERS: Mapping[Tab, Callable[[Row, Moment, Dossier | None, Paper], Text]] = {
    Tab.STATE: described,
    Tab.EVENTS: events_tab,
    Tab.HISTORY: history_tab,
    Tab.REGISTRY: registry_tab,
    Tab.RAW: raw_tab,
}


def today(moment: Moment) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment.now))


def unread(text: Text, dossier: Dossier | None, paper: Paper) -> Text:
    """The text, and why the rest is not there."""
    if text:
        text.append("\n")
    if dossier is None:
        return text.append(READING)
    trouble = hanging(printable(dossier.trouble, 400), paper.width, 0)
    return text.append(trouble, style=paper.palette.warning)


def add_status(text: Text, word: str, sentence: str, style: str, paper: Paper) -> None:
    text.append(f"{'status':<{LABEL}}", style="bold").append(word, style=style)
    text.append(f": {hanging(sentence, paper.width - len(word) - 2)}\n")


def add_fields(text: Text, fields: Fields, paper: Paper, warned: Iterable[str] = ()) -> None:
    for name, value in fields:
        text.append(f"{name:<{LABEL}}", style=paper.palette.dim).append(
            f"{hanging(value, paper.width)}\n",
            style=paper.palette.warning if name in warned else "",
        )


def add_groups(text: Text, found: Sequence[tuple[str, Fields]], barred: str, paper: Paper) -> None:
    """The groups one below the other, or in two columns where there is room."""
    count = paper.columns
    narrow = Paper(
        width=(paper.width - GAP * (count - 1)) // count,
        height=paper.height,
        palette=paper.palette,
    )
    written = []
    for name, fields in found:
        group = Text(f"{name}\n", style="", spans=[])
        group.stylize("bold underline", 0, len(name))
        add_fields(group, fields, narrow, (barred, "clones"))
        group.rstrip()
        written.append(list(group.split("\n")))
    for begin in range(0, len(written), count):
        text.append("\n")
        for cells in zip_longest(*written[begin : begin + count], fillvalue=Text()):
            add_cells(text, cells, narrow.width)


def add_cells(text: Text, cells: Sequence[Text], width: int) -> None:
    """A line of columns."""
    for number, cell in enumerate(cells, 1):
        text.append_text(cell)
        if number < len(cells):
            text.append(" " * (width + GAP - len(cell)))
    text.rstrip()
    text.append("\n")


def add_heading(text: Text, heading: str, sentence: str, paper: Paper) -> None:
    """A heading, and the sentence after it."""
    lines, end = hanging(f"{heading}: {sentence}", paper.width, 0), len(heading) + 1
    start = "\n" if text else ""
    text.append(f"{start}{lines[:end]}", style="bold").append(f"{lines[end:]}\n")


def add_hours(text: Text, row: Row, moment: Moment, paper: Paper) -> None:
    elsewhere = known_at(row)
    sentence = only_known(elsewhere) if elsewhere else hours_text(row.known.hours)
    add_heading(text, f"last {HOURS} hours", sentence, paper)
    for level, length in runs(row.known.hours):
        text.append(level.value * length, style=paper.palette.levels[level])
    text.append(f"\n{hour_labels(moment.now)}\n", style=paper.palette.dim)


def only_known(gateway: str) -> str:
    """Why the row of another gateway has no uptime: an older release does not tell it."""
    return f"only {gateway} knows them"


def add_days(text: Text, row: Row, dossier: Dossier, moment: Moment, paper: Paper) -> None:
    day, elsewhere = today(moment), known_at(row)
    sentence = only_known(elsewhere) if elsewhere else days_text(dossier.days, day)
    add_heading(text, f"last {DAYS} days", sentence, paper)
    height = 3 if paper.height >= LEAST_HEIGHT else 1
    text.append("\n".join(days_chart(dossier.days, day, paper.width, height=height))).append("\n")


def add_events(text: Text, dossier: Dossier, paper: Paper, count: int) -> None:
    newest = list(reversed(dossier.events))
    more = f", of {len(newest)}" if len(newest) > count else ""
    heading = f"last events, newest first{more}"
    text.append(f"\n{hanging(heading, paper.width, 0)}\n", style="bold")
    lines = [hanging(event_text(event), paper.width, 2) for event in newest[:count]]
    text.append("\n".join(lines) or "none").append("\n")
