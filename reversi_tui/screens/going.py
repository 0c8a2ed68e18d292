"""Goes to a row of the table from another screen."""

from __future__ import annotations

from checker.rows.row import Key
from reversi_tui.screens.desk import Desk
from reversi_tui.screens.table_view import TableView
from reversi_tui.view import FOLD, View


def go_to(desk: Desk, table_view: TableView, key: Key) -> None:
    """Select the row; if a filter or the faults-only view hides it, show all rows first."""
    view, table = desk.view, desk.table
    before = table.cursor_place
    place = place_of(view, key)
    if place is None and key in view.rows:
        view.set_filter("")
        view.set_faults_only(False)
        desk.voice.say("the filter is cleared, so that the row is shown")
        place = place_of(view, key)
    if place is None:
        desk.voice.say(f"{key[0]} port {key[1]} is no longer there")
        return
    table.cursor = view.order[place]
    table_view.changed(before)
    table.select(place)
    desk.voice.renew()


def place_of(view: View, key: Key) -> int | None:
    """Where the row is, or the one that it is folded into; None: the view does not show it."""
    place = view.places.get(key)
    return view.places.get((key[0], FOLD)) if place is None else place
