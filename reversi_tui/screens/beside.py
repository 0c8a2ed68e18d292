"""The row under the cursor, beside the table: a line or two, and the side pane."""

from __future__ import annotations

from rich.text import Text
from textual.timer import Timer

from checker.model import Status
from checker.rows.row import Key, Row
from reversi_tui.messages import PastRead
from reversi_tui.rows.detail_text import title
from reversi_tui.rows.dossier import Dossier, Paper
from reversi_tui.rows.report import Report
from reversi_tui.rows.selected_text import Room, selected_text
from reversi_tui.rows.sheet_tabs import described
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.row_detail import RowDetail
from reversi_tui.widgets.block import Block

WIDE = 160
"""Cells of the terminal from which there is room for the pane."""
SHARE, LEAST = 0.36, 58
"""Of the terminal's width, the pane's; in cells at least."""
TALL, LOW = 30, 12
"""Rows of the terminal from which there are two lines; below the lower one there is none."""
RESTED_S = 0.3
"""Seconds for which the cursor stays on a row before its past is read."""


class Beside:
    """Costs no question to the state file while the cursor moves."""

    def __init__(self, desk: Desk, detail: RowDetail) -> None:
        self.desk, self.detail = desk, detail
        self.line, self.pane = Block(id="selected"), Block(id="pane")
        self.is_wanted = False
        """Whether the operator wants the pane, also while there is no room for it."""
        self.read: tuple[Key, Dossier] | None = None
        self.resting: Timer | None = None
        self.key: Key | None = None

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "view.beside": self.switch,
        }

    def switch(self) -> None:
        """Show the pane, or hide it."""
        width = self.desk.screen.size.width
        self.is_wanted = not self.is_wanted
        if self.is_wanted and width < WIDE:
            self.desk.voice.say(
                f"the side pane needs {WIDE} columns, this terminal has {width};"
                f" {self.desk.key_of('row.detail')} opens the sheet"
            )
            self.is_wanted = False
        self.fit()
        self.desk.screen.call_after_refresh(self.desk.voice.renew)

    def fit(self) -> None:
        """Take the room that the terminal's size allows."""
        size, styles = self.desk.screen.size, self.line.styles
        lines = 0 if size.height < LOW else 1 if size.height < TALL else 2
        self.line.display, styles.height = lines > 0, max(1, lines)
        is_shown = self.is_wanted and size.width >= WIDE
        if is_shown and not self.pane.display:
            self.wait()  # while the pane was hidden, no past was read
        self.pane.display = is_shown
        self.pane.styles.width = max(LEAST, int(size.width * SHARE))

    def renew(self) -> None:
        """Show what is known of the row under the cursor."""
        table, looks = self.desk.table, self.desk.looks
        row, moment = table.selected, self.desk.moment()
        if self.key != (row.key if row else None):
            self.key = row.key if row else None
            self.wait()
        if row is None:
            self.line.show(Text())
            self.pane.show(Text())
            return
        dossier = self.read[1] if self.read and self.read[0] == row.key else None
        last_peer = dossier.last.peer if dossier and dossier.last else ""
        size = self.desk.screen.size
        room = Room(
            width=size.width,
            lines=1 if size.height < TALL else 2,
            needs=self.desk.view.needs,
        )
        self.line.show(selected_text(row, moment, last_peer, room))
        if self.pane.display:
            width = max(30, self.pane.size.width - 1)
            paper = Paper(width=width, height=0, palette=looks.palette)
            text = Text(f"{title(row)}\n", style="")
            text.stylize("bold", 0, len(title(row)))
            self.pane.show(text.append_text(described(row, moment, dossier, paper)))

    def wait(self) -> None:
        """Read the row's past if the cursor stays on it."""
        if self.resting is not None:
            self.resting.stop()
        self.resting = self.desk.screen.set_timer(RESTED_S, self.look)

    def look(self) -> None:
        self.resting = None
        row = self.desk.table.selected
        if row is not None and (self.pane.display or is_lost(row)):
            self.detail.read_past(row.key)

    def follow(self, report: Report) -> None:
        """Read the row's past again if there is news of it."""
        node, port = self.key or (None, None)
        if any(row.seen.node == node and row.seen.port == port for row in report.changed):
            self.wait()

    def show_past(self, message: PastRead) -> None:
        row = self.desk.table.selected
        if row is None or row.key != message.key:
            return
        self.read = message.key, self.detail.dossier(row, message.past)
        self.renew()


def is_lost(row: Row) -> bool:
    """Whether its last peer is not in the row."""
    return row.seen.status is Status.DOWN and not row.seen.peer and row.applicant is None
