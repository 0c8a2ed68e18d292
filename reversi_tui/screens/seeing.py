"""What the keys do that change nothing but the view: filter, jump, sort, columns, groups, faults,
theme, sheets.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from rich.text import Text
from textual import events

from checker.model import printable
from reversi_tui.actions.table import help_sections, moves
from reversi_tui.messages import Dressed, Typed
from reversi_tui.rows.filter import lowered
from reversi_tui.rows.palette import THEMES
from reversi_tui.rows.row import Key
from reversi_tui.screens.columns import ColumnsChooser
from reversi_tui.screens.detail import Detail
from reversi_tui.screens.help import Help
from reversi_tui.screens.live import Live
from reversi_tui.screens.picking import Choose
from reversi_tui.screens.sheet import Sheet
from reversi_tui.screens.sorting import SortBy
from reversi_tui.settings.preferences import MOST_FILTERS, Preferences
from reversi_tui.terminal.threads import detached
from reversi_tui.view import FOLD
from reversi_tui.widgets.bar import Bar, FilterBar
from reversi_tui.widgets.line import Banner

READ_AHEAD = 200
"""Rows whose texts take about a millisecond."""


class Seeing(Live):
    """Each change of the view is remembered for the next time."""

    jumped_from: Key | None = None
    """The row where the last jump began."""

    def seen_as(self) -> Preferences:
        """How the table is looked at now."""
        view = self.view
        return replace(
            self.setting.preferences,
            sort_by=view.sort_by,
            backwards=view.backwards,
            columns=self.choice.columns,
            wide=self.choice.wide,
            filter_text=view.filter_text,
            faults_only=view.faults_only,
            grouped=view.grouped,
            theme=self.looks.name,
            history=tuple(self.query_one(FilterBar).history[-MOST_FILTERS:]),
        )

    def changed(self, before: int | None = None) -> None:
        """The view is another: paint what differs, and remember it."""
        self.table.rearranged(before)
        self.renew()
        self.run_worker(self.remember(self.seen_as()), group="remember", exclusive=True)

    async def remember(self, preferences: Preferences) -> None:
        trouble = await detached(lambda: self.setting.remember(preferences), name="remember")
        if trouble:
            self.say(trouble)

    def action_filter(self) -> None:
        self.query_one(FilterBar).open(self.view.filter_text)
        self.renew()
        self.run_worker(self.read_ahead(), group="filter", exclusive=True)

    async def read_ahead(self) -> None:
        """Make the texts of the rows before the first letter asks for them all; a few at a time, so
        that no key waits.
        """
        rows, moment = tuple(self.view.rows.values()), self.moment()
        for begin in range(0, len(rows), READ_AHEAD):
            for row in rows[begin : begin + READ_AHEAD]:
                lowered(row, moment)
            await asyncio.sleep(0)

    def action_jump(self) -> None:
        self.jumped_from = self.table.cursor
        self.query_one("#jump", Bar).open("")

    def on_typed(self, message: Typed) -> None:
        if message.bar == "jump":
            self.jump(message)
        else:
            self.filter(message.text if message.kept else "", final=message.final)
        if message.final:
            self.query_one(f"#{message.bar}", Bar).display = False
            self.table.focus()
        self.renew()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A click or a tab that leaves a bar keeps what was typed: keys are for the table from now
        on.
        """
        if event.widget is self.table:
            for bar in self.query(Bar):
                if bar.display:
                    bar.tell(bar.value, final=True)

    def jump(self, message: Typed) -> None:
        """Go to the node while it is typed; where there is none, and on escape, back to where we
        were.
        """
        asked = message.text if message.kept else ""
        found = self.view.find(asked) if asked else None
        back = self.view.places.get(self.jumped_from) if self.jumped_from else None
        place = back if found is None else found
        if place is not None:
            self.table.select(place)
        if asked and found is None and message.final:
            self.say(f"no node that is shown is called {printable(message.text)}")

    def filter(self, text: str, *, final: bool) -> None:
        before = self.table.cursor_place
        if text != self.view.filter_text:
            self.view.set_filter(text)
            self.table.rearranged(before)
        if final:
            self.query_one(FilterBar).keep(text)
            place = self.table.cursor_place
            self.table.select(0 if place is None else place)
            self.changed()

    def action_clear(self) -> None:
        """One thing at a time: the message, the marks, the filter, the faults-only view."""
        if self.query_one("#said", Banner).shown:
            self.say("")
        elif self.view.marks:
            self.view.mark(list(self.view.marks), marked=False)
            self.renew()
        elif self.view.filter_text:
            self.filter("", final=True)
            self.renew()
        elif self.view.faults_only:
            self.action_faults()

    def sort(self, column: str, *, backwards: bool) -> None:
        before = self.table.cursor_place
        self.view.set_sort(column, backwards=backwards)
        self.changed(before)

    def action_sort(self, step: int) -> None:
        ids = [place.column.id for place in self.table.columns]
        at = ids.index(self.view.sort_by) if self.view.sort_by in ids else -1
        self.sort(ids[(at + step) % len(ids)], backwards=False)

    def action_reverse(self) -> None:
        self.sort(self.view.sort_by, backwards=not self.view.backwards)

    def action_sort_by(self) -> None:
        def chosen(answer: tuple[str, bool] | None) -> None:
            if answer:
                self.sort(answer[0], backwards=answer[1])

        _ = self.app.push_screen(SortBy(self.view.sort_by, backwards=self.view.backwards), chosen)

    def action_columns(self) -> None:
        def chosen(answer: tuple[str, ...] | None) -> None:
            if answer is not None:
                self.choice.columns = answer
                self.table.repaint_all()
                self.call_after_refresh(self.changed)
                self.call_after_refresh(self.say_what_has_no_room)

        _ = self.app.push_screen(ColumnsChooser(self.choice.columns), chosen)

    def say_what_has_no_room(self) -> None:
        """Columns were chosen, and some of them are not to be seen."""
        shown = {place.column.id for place in self.table.columns}
        cut_off = [name for name in self.choice.columns if name not in shown]
        if cut_off:
            self.say(
                f"no room for {', '.join(cut_off)} in {self.size.width} cells; K and J in"
                f" {self.key_of('view.columns')} move a column"
            )

    def action_wide(self) -> None:
        self.choice.wide = not self.choice.wide
        self.table.repaint_all()
        self.call_after_refresh(self.changed)

    def action_faults(self) -> None:
        before = self.table.cursor_place
        self.view.set_faults_only(not self.view.faults_only)
        self.changed(before)

    def action_groups(self) -> None:
        before, row = self.table.cursor_place, self.table.selected
        self.view.set_grouped(not self.view.grouped)
        if row is not None:
            self.follow_fold(row.seen.node)
        self.changed(before)

    def follow_fold(self, node: str) -> None:
        """The cursor goes into the folded row with its forward, and out of it to the first of
        them.
        """
        cursor = self.table.cursor
        if cursor is None or cursor in self.view.places:
            return
        of_node = [key for key in self.view.order if key[0] == node]
        self.table.cursor = of_node[0] if of_node else cursor

    def action_unfold(self, unfolded: bool) -> None:
        row = self.table.selected
        if row is None or row.seen.node not in self.view.folds:
            return
        before = self.table.cursor_place
        self.view.set_unfolded(row.seen.node, unfolded)
        if not unfolded:
            self.table.cursor = (row.seen.node, FOLD)
        self.table.rearranged(before)
        self.renew()

    def action_theme(self) -> None:
        def chosen(name: str | None) -> None:
            if name:
                self.looks.use(name)
                self.app.post_message(Dressed())
                self.table.repaint_all()
                self.changed()

        _ = self.app.push_screen(
            Choose("Colours", [(name, name) for name in THEMES], chosen=self.looks.name), chosen
        )

    def action_log(self) -> None:
        self.log_pane.toggle()
        self.call_after_refresh(self.renew)

    def action_log_sheet(self) -> None:
        sheet = Sheet("What this console did")
        text = Text("\n".join(self.log_pane.lines) or "nothing yet")
        _ = self.app.push_screen(sheet)
        self.call_after_refresh(sheet.show, text, at_end=True)

    def action_help(self) -> None:
        keys = moves(dict(self.setting.preferences.keys))
        sections = help_sections(self.actions, keys, read_only=self.setting.acts.read_only)
        _ = self.app.push_screen(
            Help(sections, self.looks.palette, ascii_only=self.looks.ascii_only)
        )

    def action_detail(self) -> None:
        row = self.table.selected
        if row:
            _ = self.app.push_screen(
                Detail(row, self.looks.palette, ascii_only=self.looks.ascii_only)
            )
            self.read_past(row.key)

    def on_tunnel_table_opened(self) -> None:
        self.action_detail()
