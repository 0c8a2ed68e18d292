"""The sheet of the row under the cursor: opens it, walks on, and keeps it fresh."""

from __future__ import annotations

from functools import partial

from checker.registry.reading import node_path
from checker.rows.row import Key, Row
from checker.state.errors import StateError
from reversi_tui.actions.footer import about
from reversi_tui.actions.on_sheet import by_key, sheet_keys
from reversi_tui.actions.ssh import by_hand
from reversi_tui.messages import PastRead
from reversi_tui.rows.dossier import Dossier
from reversi_tui.rows.report import Past, Report
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.detail import CallById, Detail, Doors
from reversi_tui.terminal.process_group import shown
from reversi_tui.terminal.threads import detached


class RowDetail:
    """Reads a row's past beside the loop, when the sheet opens and when the row changes."""

    def __init__(self, desk: Desk, call: CallById) -> None:
        """`call` carries out the action of an id."""
        self.desk, self.call = desk, call

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "row.detail": self.open,
        }

    @property
    def sheet(self) -> Detail | None:
        """The sheet, if it is open."""
        stack = self.desk.app.screen_stack
        return next((screen for screen in stack if isinstance(screen, Detail)), None)

    @property
    def key(self) -> Key | None:
        """The key of the open sheet's row; None: no sheet is open."""
        sheet = self.sheet
        return sheet.key if sheet else None

    def open(self) -> None:
        desk = self.desk
        row, looks = desk.selected("show"), desk.looks
        if row is None or self.sheet is not None:
            return
        doors = Doors(
            acts=by_key(desk.actions),
            call=self.call,
            walk=self.walk,
            keys=lambda row, width: sheet_keys(desk.actions, desk.off, about(row), width),
        )
        sheet = Detail(row, looks.palette, ascii_only=looks.ascii_only, doors=doors)
        sheet.place, sheet.moment = self.place_of(row.key), desk.moment()
        desk.push(sheet)
        self.read_past(row.key)

    def place_of(self, key: Key) -> str:
        """Which of the rows shown it is."""
        view = self.desk.view
        at = view.places.get(key)
        return "not in this view" if at is None else f"{at + 1:,} of {len(view.order):,}"

    def walk(self, step: int) -> None:
        """Go so many rows on in the view, with the table's cursor."""
        sheet, table, view = self.sheet, self.desk.table, self.desk.view
        if sheet is None or not view.order:
            return
        at = view.places.get(sheet.key)
        # a row that left the view left its place to the next one
        wanted = table.last_place + min(step, 0) + max(step - 1, 0) if at is None else at + step
        place = max(0, min(wanted, len(view.order) - 1))
        row = view.row(view.order[place])
        if row is None or row.key == sheet.key:
            sheet.say(f"this is the {'first' if step < 0 else 'last'} row of the view")
            return
        sheet.say("")
        table.select(place)

    def turn_to(self, sheet: Detail, row: Row) -> None:
        """Make it the sheet of another row."""
        sheet.show_row(row, self.place_of(row.key), self.desk.moment())
        self.read_past(row.key)

    def follow_cursor(self) -> None:
        """Turn to the row that the cursor was moved to, as from the event log above the sheet."""
        sheet, row = self.sheet, self.desk.table.selected
        if sheet and row and row.key != sheet.key:
            self.turn_to(sheet, row)

    def say(self, sentence: str) -> None:
        """Show what the main screen says in the sheet too, which hides it."""
        sheet = self.sheet
        if sheet:
            sheet.say(sentence)

    def renew(self) -> None:
        sheet = self.sheet
        if sheet:
            sheet.place = self.place_of(sheet.key)
            sheet.renew(self.desk.feed.newest(sheet.key), self.desk.moment())

    def follow(self, report: Report) -> None:
        """Read the row's past again if the report has news of it."""
        key = self.key
        if key and any(row.key == key or row.seen.node == key[0] for row in report.changed):
            self.read_past(key)

    def read_past(self, key: Key) -> None:
        self.desk.start(partial(self.fetch_past, key), group="past", alone=True)

    async def fetch_past(self, key: Key) -> None:
        reader = self.desk.reader
        try:
            past: Past | str = await detached(lambda: reader.past(key), name="past")
        except StateError as error:
            past = str(error)
        self.desk.screen.post_message(PastRead(key, past))

    def show_past(self, message: PastRead) -> None:
        sheet = self.sheet
        if sheet is None or sheet.key != message.key:
            return
        row = self.desk.feed.newest(sheet.key)
        sheet.renew(row, self.desk.moment(), self.dossier(row or sheet.row, message.past))

    def dossier(self, row: Row, past: Past | str) -> Dossier:
        known = past if isinstance(past, Past) else Past()
        return Dossier(
            events=known.events,
            days=known.days,
            usage=known.usage,
            last=known.last,
            registry=known.registry,
            file=str(node_path(self.desk.dependencies.layout, row.seen.node)),
            ssh=self.ssh_text(row),
            trouble=past if isinstance(past, str) else "",
        )

    def ssh_text(self, row: Row) -> str:
        command = self.desk.ssh_of(row)
        return command if isinstance(command, str) else shown(by_hand(command))
