"""The detail sheet of a row: fields, the last 24 hours and 30 days, and its node's events."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rich.text import Text

from checker.model import Applicant, Event, Usage, Watched, printable
from checker.model.last_seen import LastSeen
from checker.rows.cells import status_text
from checker.rows.row import HOURS, Moment, Row
from reversi_tui.rows.detail_text import (
    LABEL,
    cloned,
    event_text,
    fields,
    hanging,
    hour_labels,
    hours_text,
    last_fields,
    meaning,
    title,
    usage_text,
)
from reversi_tui.rows.palette import Palette
from reversi_tui.rows.pending_text import fields_of, meaning_of
from reversi_tui.rows.uptime import DAYS, days_chart, days_text, in_ascii, runs
from reversi_tui.screens.sheet import Sheet
from reversi_tui.widgets.line import Line

LEAST_HEIGHT = 20
"""A sheet with fewer lines gets bars one line high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """What is read about a row only while its sheet is open."""

    events: tuple[Event, ...] = ()
    """Its node's events, the newest last."""
    days: tuple[Watched, ...] = ()
    usage: Usage | None = None
    """What the row's sshd process uses."""
    last: LastSeen | None = None
    """What was last seen of it, if it is down."""
    ssh: str = ""
    """The command that logs in to the node, or why there is none."""
    trouble: str = ""
    """Why the rest could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The size and the styles of the sheet."""

    width: int
    height: int
    palette: Palette


def field(text: Text, name: str, value: str, paper: Paper, style: str = "") -> None:
    text.append(f"{name:<{LABEL}}", style="bold").append(
        f"{hanging(value, paper.width)}\n", style=style
    )


def described(row: Row, moment: Moment, dossier: Dossier | None, paper: Paper) -> Text:
    """The sheet's text; without a dossier, the rest is still being read."""
    if row.applicant is not None and not row.members:
        return pending(row, row.applicant, moment, dossier, paper)
    text, word = Text(), status_text(row, moment)
    style = paper.palette.warning if row.is_shut else paper.palette.status[row.seen.status]
    text.append(f"{'status':<{LABEL}}", style="bold").append(word, style=style)
    text.append(f": {hanging(meaning(row, moment), paper.width - len(word) - 2)}\n")
    for name, value in fields(row, moment):
        field(text, name, value, paper, paper.palette.warning if name == row.barred else "")
    if dossier:
        for name, value in last_fields(dossier.last, moment.now) if dossier.last else ():
            field(text, name, value, paper)
        clones = cloned(dossier.events, moment.now)
        if clones:
            field(text, "clones", clones, paper, paper.palette.warning)
        if dossier.usage:
            field(text, "uses", usage_text(dossier.usage), paper)
        field(text, "ssh", printable(dossier.ssh, 400), paper)
    add_hours(text, row, moment, paper)
    if dossier is None:
        return text.append("\nreading the rest...")
    if dossier.trouble:
        return text.append(
            f"\n{hanging(printable(dossier.trouble, 400), paper.width, 0)}",
            style=paper.palette.warning,
        )
    add_days(text, dossier, moment, paper)
    return add_events(text, dossier, paper)


def pending(
    row: Row, applicant: Applicant, moment: Moment, dossier: Dossier | None, paper: Paper
) -> Text:
    """The sheet's text for a device that waits to be accepted."""
    text, word = Text(), status_text(row, moment)
    text.append(f"{'status':<{LABEL}}", style="bold").append(word, style=paper.palette.warning)
    text.append(f": {hanging(meaning_of(applicant), paper.width - len(word) - 2)}\n")
    for name, value in fields_of(row, applicant, moment):
        field(text, name, value, paper)
    return add_events(text, dossier, paper) if dossier else text


def headed(text: Text, heading: str, sentence: str, paper: Paper) -> None:
    """A heading, and the sentence after it."""
    lines, end = hanging(f"{heading}: {sentence}", paper.width, 0), len(heading) + 1
    text.append(f"\n{lines[:end]}", style="bold").append(f"{lines[end:]}\n")


def add_hours(text: Text, row: Row, moment: Moment, paper: Paper) -> None:
    headed(text, f"last {HOURS} hours", hours_text(row.known.hours), paper)
    for level, length in runs(row.known.hours):
        text.append(level.value * length, style=paper.palette.levels[level])
    text.append(f"\n{hour_labels(moment.now)}\n", style=paper.palette.dim)


def add_days(text: Text, dossier: Dossier, moment: Moment, paper: Paper) -> None:
    today = time.strftime("%Y-%m-%d", time.gmtime(moment.now))
    headed(text, f"last {DAYS} days", days_text(dossier.days, today), paper)
    height = 3 if paper.height >= LEAST_HEIGHT else 1
    text.append("\n".join(days_chart(dossier.days, today, paper.width, height=height))).append("\n")


def add_events(text: Text, dossier: Dossier, paper: Paper) -> Text:
    text.append("\nlast events, newest first\n", style="bold")
    lines = [hanging(event_text(event), paper.width, 2) for event in reversed(dossier.events)]
    return text.append("\n".join(lines) or "none")


class Detail(Sheet):
    """One row, kept fresh by the main screen."""

    def __init__(self, row: Row, palette: Palette, *, ascii_only: bool = False) -> None:
        super().__init__(title(row))
        self.key = row.key
        self.row, self.palette, self.ascii_only = row, palette, ascii_only
        self.moment: Moment | None = None
        self.dossier: Dossier | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.paint()

    def on_resize(self) -> None:
        self.call_after_refresh(self.paint)

    def renew(self, row: Row | None, moment: Moment, dossier: Dossier | None = None) -> None:
        """Show what is known now; a row that is gone stays as it was."""
        self.row, self.moment = row or self.row, moment
        self.dossier = dossier or self.dossier
        self.paint()

    def paint(self) -> None:
        """Write the text for the present size; the scroll bar's cell stays free."""
        if self.moment is None or not (self.is_mounted and self.is_whole):
            return
        paper = Paper(
            width=max(30, self.query_one("#sheet-title", Line).size.width - 1),
            height=self.size.height,
            palette=self.palette,
        )
        text = described(self.row, self.moment, self.dossier, paper)
        self.show(plain(text) if self.ascii_only else text)


def plain(text: Text) -> Text:
    """The same text in ASCII; its length stays the same."""
    return Text(in_ascii(text.plain), spans=text.spans)
