"""Opens the event log above the table, and goes from an event to its row."""

from __future__ import annotations

from collections.abc import Callable

from checker.model import Event
from checker.rows.event_lines import Line
from checker.rows.row import Key
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.event_log import EventLog, Surroundings
from reversi_tui.screens.going import go_to
from reversi_tui.screens.table_view import TableView


class EventLogs:
    """Changes the view only as far as a row that the operator asks for would be hidden."""

    def __init__(self, desk: Desk, table_view: TableView, show_mine: Callable[[], None]) -> None:
        self.desk, self.table_view, self.show_mine = desk, table_view, show_mine

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "view.log_sheet": self.open,
            "row.events": self.open_for_row,
        }

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
            only_here=desk.dependencies.only_here,
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

    def chosen(self, line: Line | None) -> None:
        """Select the event's row; if the view hides it, show all rows. A row that another gateway
        has by now says so.
        """
        key = None if line is None else self.row_of(line[0])
        if line is None or key is None:
            return
        view, gateway = self.desk.view, line[1]
        is_shown, where = key in view.places, view.rows[key].where
        go_to(self.desk, self.table_view, key)
        if is_shown and gateway and where and gateway not in (where.gateway, *where.also):
            self.desk.voice.say(f"the event is {gateway}'s; {key[0]} is at {where.gateway} now")
