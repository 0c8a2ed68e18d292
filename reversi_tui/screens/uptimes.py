"""Opens the uptime screen above the table, and goes from a figure to its row."""

from __future__ import annotations

from checker.rows.row import Key
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.going import go_to
from reversi_tui.screens.table_view import TableView
from reversi_tui.screens.uptime import Uptime


class Uptimes:
    """Begins with the table's filter, and does not change it."""

    def __init__(self, desk: Desk, table_view: TableView) -> None:
        self.desk, self.table_view = desk, table_view

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "view.uptime": self.open,
        }

    def open(self) -> None:
        def chosen(key: Key | None) -> None:
            if key is not None:
                go_to(self.desk, self.table_view, key)

        self.desk.push(Uptime(self.desk, self.desk.view.filter_text), chosen)
