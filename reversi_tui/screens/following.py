"""The targets of the last kill or reset: a line that says what became of them, and a view."""

from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from checker.rows.row import Key
from reversi_tui.actions.followed import PAST
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.table_view import TableView
from reversi_tui.settings.preferences import Preferences
from reversi_tui.widgets.line import Line


class Following:
    """The view begins and ends with a key; nothing is selected or hidden by itself."""

    def __init__(self, desk: Desk, table_view: TableView, line: Line) -> None:
        self.desk, self.table_view, self.line = desk, table_view, line
        self.before: Preferences | None = None
        """What was shown before the view of the targets."""

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "view.follow": self.switch,
        }

    @property
    def is_shown(self) -> bool:
        return self.desk.view.only is not None

    def name(self) -> str:
        """What the header calls the view; empty if it is not shown."""
        followed = self.desk.view.followed
        return PAST[followed.deed] if followed and self.is_shown else ""

    def renew(self) -> None:
        """Look at the targets again, and say what became of them."""
        view, moment = self.desk.view, self.desk.moment()
        followed = view.followed
        if followed is not None:
            if followed.look(view.rows.get, moment):
                self.desk.voice.keep(followed.summary(view.rows.get, moment))
            if followed.is_stale(moment.now) and not self.is_shown:
                view.followed = followed = None
        text = "" if followed is None else followed.summary(view.rows.get, moment)
        if followed is not None:
            what = "leaves" if self.is_shown else "shows"
            whom = "it" if len(followed.targets) == 1 else "them"
            text = f"{text}; {self.desk.key_of('view.follow')} {what} {whom}"
        self.line.display = bool(text)
        self.line.show(Text(text))

    def switch(self) -> None:
        """Show the targets, whatever the filter says; or what was shown before."""
        view = self.desk.view
        if self.is_shown:
            self.leave()
        elif view.followed is None:
            self.desk.voice.say("nothing was killed or reset lately, so there is nothing to follow")
        else:
            now = self.before = self.table_view.as_preferences()
            wanted = replace(now, filter_text="", faults_only=False)
            self.show(wanted, frozenset(view.followed.targets))

    def leave(self) -> None:
        self.show(self.before or self.table_view.as_preferences(), None)

    def show(self, wanted: Preferences, only: frozenset[Key] | None) -> None:
        desk, where = self.desk, self.desk.table.where
        desk.view.look(wanted, only)
        desk.table.hid_rows(where)
        desk.table.repaint_all()
        desk.table.rearranged(where.place)
        self.renew()
        desk.voice.renew()

    def clear(self) -> bool:
        """End it; whether there was something to end."""
        view = self.desk.view
        if view.followed is None:
            return False
        view.followed = None
        if self.is_shown:
            self.leave()
        self.renew()
        return True
