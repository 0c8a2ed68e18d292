"""Opens the event log above the table, and goes from an event to its row."""

from __future__ import annotations

from collections.abc import Callable

from checker.model import Event
from checker.rows.row import Key
from reversi_tui.screens.desk import Desk
from reversi_tui.screens.event_log import EventLog, Surroundings
from reversi_tui.screens.table_view import TableView
from reversi_tui.view import FOLD


class EventLogs:
    """Changes the view only as far as a row that the operator asks for would be hidden."""

    def __init__(self, desk: Desk, table_view: TableView, show_mine: Callable[[], None]) -> None:
        self.desk, self.table_view, self.show_mine = desk, table_view, show_mine

    def open(self) -> None:
        """Open the log at its end."""
        self.show("")

    def open_for_row(self) -> None:
        """Open the log with what happened to the row's node."""
        row = self.desk.selected("show")
        if row:
            self.show(f"node:={row.seen.node}")

    def show(self, text: str) -> None:
        desk = self.desk
        around = Surroundings(
            layout=desk.dependencies.layout,
            looks=desk.looks,
            moment=desk.moment,
            rows=lambda: tuple(desk.view.rows.values()),
            row_of=self.row_of,
            show_mine=self.show_mine,
            history=self.table_view.filter_bar.history,
        )
        desk.push(EventLog(around, text), self.chosen)

    def row_of(self, event: Event) -> Key | None:
        """The row of the event's port, else the first one of its node; None if there is none."""
        view = self.desk.view
        if event.node is None:
            return None
        if event.port and (event.node, event.port) in view.rows:
            return (event.node, event.port)
        return next(iter(sorted(view.by_node.get(event.node, ()))), None)

    def chosen(self, event: Event | None) -> None:
        """Select the event's row; if the view hides it, show all rows."""
        key = None if event is None else self.row_of(event)
        if key is None:
            return
        view, table = self.desk.view, self.desk.table
        before = table.cursor_place
        shown = self.shown(key)
        if shown is None:
            view.set_filter("")
            view.set_faults_only(False)
            self.desk.voice.say("the filter is cleared, so that the row is shown")
            shown = self.shown(key)
        if shown is not None:
            table.cursor = shown
            self.table_view.changed(before)
            table.select(view.places[shown])
            self.desk.voice.renew()

    def shown(self, key: Key) -> Key | None:
        """The row, or the one that it is folded into, if the view shows it."""
        places, folded = self.desk.view.places, (key[0], FOLD)
        return key if key in places else folded if folded in places else None
