"""The detail sheet of the row under the cursor: opens it, and keeps it fresh."""

from __future__ import annotations

from checker.rows.row import Key, Row
from checker.state.errors import StateError
from reversi_tui.actions.ssh import by_hand
from reversi_tui.messages import PastRead
from reversi_tui.rows.report import Past, Report
from reversi_tui.screens.desk import Desk
from reversi_tui.screens.detail import Detail, Dossier
from reversi_tui.terminal.process_group import shown
from reversi_tui.terminal.threads import detached


class RowDetail:
    """Reads a row's past beside the loop, when the sheet opens and when the row changes."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @property
    def sheet(self) -> Detail | None:
        """The sheet, if it is open."""
        stack = self.desk.app.screen_stack
        return next((screen for screen in stack if isinstance(screen, Detail)), None)

    def open(self) -> None:
        row, looks = self.desk.selected("show"), self.desk.looks
        if row:
            self.desk.push(Detail(row, looks.palette, ascii_only=looks.ascii_only))
            self.read_past(row.key)

    def renew(self) -> None:
        sheet = self.sheet
        if sheet:
            sheet.renew(self.desk.feed.newest(sheet.key), self.desk.moment())

    def follow(self, report: Report) -> None:
        """Read the row's past again if the report has news of it."""
        sheet = self.sheet
        if sheet and any(row.key == sheet.key for row in report.changed):
            self.read_past(sheet.key)

    def read_past(self, key: Key) -> None:
        self.desk.start(self.fetch_past(key), group="past", alone=True)

    async def fetch_past(self, key: Key) -> None:
        reader = self.desk.reader
        try:
            past: Past | str = await detached(lambda: reader.past(key), name="past")
        except StateError as error:
            past = str(error)
        self.desk.screen.post_message(PastRead(key, past))

    def show_past(self, message: PastRead) -> None:
        sheet, past = self.sheet, message.past
        if sheet is None or sheet.key != message.key:
            return
        row = self.desk.feed.newest(sheet.key)
        known = past if isinstance(past, Past) else Past()
        dossier = Dossier(
            events=known.events,
            days=known.days,
            usage=known.usage,
            last=known.last,
            ssh=self.ssh_text(row or sheet.row),
            trouble=past if isinstance(past, str) else "",
        )
        sheet.renew(row, self.desk.moment(), dossier)

    def ssh_text(self, row: Row) -> str:
        command = self.desk.ssh_of(row)
        return command if isinstance(command, str) else shown(by_hand(command))
