"""How the table is looked at: filter, jump, sort, columns, groups, faults, theme, help, log."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

from textual.screen import Screen

from checker.model import printable
from checker.rows.mistakes import mistake, why_nothing
from checker.rows.row import Key
from reversi_tui.actions.table import help_sections, moves
from reversi_tui.messages import Dressed, Typed
from reversi_tui.rows.columns import BY_ID, COLUMNS
from reversi_tui.rows.layout import without_room
from reversi_tui.rows.theme_names import THEMES
from reversi_tui.rows.vocabulary import Vocabulary
from reversi_tui.screens.columns import ColumnsChooser
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.help import Help, own_keys
from reversi_tui.screens.picking import Choose
from reversi_tui.screens.sorting import SortBy
from reversi_tui.settings.preferences import MOST_FILTERS, Preferences
from reversi_tui.settings.presets import all_keys
from reversi_tui.terminal.threads import detached
from reversi_tui.view import FOLD
from reversi_tui.widgets.bar import Bar, FilterBar
from reversi_tui.widgets.table import Selected


class TableView:
    """Changes nothing but the view, and remembers each change for the next start."""

    def __init__(self, desk: Desk, filter_bar: FilterBar, jump_bar: Bar) -> None:
        self.desk, self.view, self.table = desk, desk.view, desk.table
        self.filter_bar, self.jump_bar = filter_bar, jump_bar
        filter_bar.vocabulary = Vocabulary(desk.view.rows.values, desk.moment)
        self.jumped_from: Key | None = None
        """The row where the last jump began."""
        self.sought: str | None = None
        """What was jumped to last; empty after a filter, which each row shown matches. None:
        neither was used yet.
        """
        self.filtered_from: Selected | None = None
        """The row that was selected when the filter was opened; None while it is closed."""

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "act.mark": self.mark,
            "act.mark_all": self.mark_all,
            "find.filter": self.open_filter,
            "find.jump": self.open_jump,
            "find.next": partial(self.jump_on, 1),
            "find.previous": partial(self.jump_on, -1),
            "view.faults": self.switch_faults,
            "view.groups": self.switch_groups,
            "view.unfold": partial(self.unfold, True),
            "view.fold": partial(self.unfold, False),
            "view.columns": self.choose_columns,
            "view.wide": self.switch_wide,
            "view.theme": self.choose_theme,
            "view.sort": self.choose_sort,
            "view.sort_next": partial(self.sort_by_next, 1),
            "view.sort_back": partial(self.sort_by_next, -1),
            "view.reverse": self.reverse,
            "app.help": self.help,
        }

    def as_preferences(self) -> Preferences:
        """How the table is looked at now."""
        view, choice = self.view, self.table.choice
        return replace(
            self.desk.dependencies.preferences,
            sort_by=view.sort_by,
            backwards=view.backwards,
            columns=choice.columns,
            wide=choice.wide,
            filter_text=view.filter_text,
            faults_only=view.faults_only,
            grouped=view.grouped,
            theme=self.desk.looks.name,
            history=tuple(self.filter_bar.history[-MOST_FILTERS:]),
        )

    def changed(self, before: int | None = None) -> None:
        """Paint what differs, and remember the view; `before` is the cursor's old place."""
        self.table.rearranged(before)
        self.desk.voice.renew()
        self.desk.start(partial(self.remember, self.as_preferences()), group="remember", alone=True)

    async def remember(self, preferences: Preferences) -> None:
        remember = self.desk.dependencies.remember
        trouble = await detached(lambda: remember(preferences), name="remember")
        if trouble:
            self.desk.voice.say(trouble)

    def open_filter(self) -> None:
        self.filtered_from = self.table.where
        self.filter_bar.open(self.view.filter_text)
        self.desk.voice.renew()
        self.desk.start(self.read_ahead, group="filter", alone=True)

    async def read_ahead(self) -> None:
        """Make the rows' texts before the first letter asks for all of them; a few at a time, so
        that no key waits.
        """
        for _ in self.view.read_ahead():
            await asyncio.sleep(0)

    def open_jump(self) -> None:
        self.jumped_from = self.table.cursor
        self.jump_bar.open("")
        self.desk.voice.renew()

    def typed(self, message: Typed) -> None:
        """Follow what is typed into a bar."""
        bar: Bar = self.filter_bar
        if message.bar == self.jump_bar.id:
            bar = self.jump_bar
            self.jump(message)
        else:
            self.filter(message.text if message.kept else "", final=message.final)
        if message.final:
            bar.display = False
            self.table.focus()
        self.desk.voice.renew()

    def close_bars(self) -> None:
        """Keep what was typed into a bar that a click or a tab leaves."""
        for bar in (self.filter_bar, self.jump_bar):
            if bar.display:
                bar.report(bar.value, final=True)

    def jump(self, message: Typed) -> None:
        """Go to the node while its name is typed; back to where we were if there is none, and on
        escape.
        """
        asked = message.text if message.kept else ""
        found = self.view.find(asked) if asked else None
        back = self.view.places.get(self.jumped_from) if self.jumped_from else None
        place = back if found is None else found
        if place is not None:
            self.table.select(place)
        if asked and message.final:
            self.sought = asked
        if asked and found is None and message.final:
            self.desk.voice.say(f"no node shown is called {printable(message.text)}")

    def jump_on(self, step: int) -> None:
        """Go to the next row with what was looked for last, or to the previous one."""
        if self.sought is None:
            key = self.desk.key_of("find.jump")
            self.desk.voice.say(f"nothing to look for yet: {key} jumps to a node, / filters")
            return
        place = self.view.find_on(self.sought, self.table.last_place, step)
        if place is not None:
            self.table.select(place)
        elif self.view.order:
            self.desk.voice.say(f"no node shown is called {printable(self.sought)}")

    def filter(self, text: str, *, final: bool) -> None:
        where = self.table.where
        if text != self.view.filter_text:
            self.view.set_filter(text)
            self.table.hid_rows(self.filtered_from or where)
            self.table.rearranged(where.place)
        if final:
            say_why = mistake if self.view.order or self.view.faults_only else why_nothing
            sentence = say_why(text, self.view.rows.values(), self.desk.moment())
            if sentence:
                self.desk.voice.say(sentence)
            self.filter_bar.keep(text)
            self.sought = "" if text else self.sought
            self.filtered_from = None
            place = self.table.cursor_place
            self.table.select(0 if place is None else place)
            self.changed()

    def clear(self) -> None:
        """Clear one thing at a time: the marks, the filter, then the faults-only view."""
        if self.view.marks:
            self.view.mark(list(self.view.marks), marked=False)
            self.desk.voice.renew()
        elif self.view.filter_text:
            self.filter("", final=True)
            self.desk.voice.renew()
        elif self.view.faults_only:
            self.switch_faults()

    def sort(self, column: str, *, backwards: bool) -> None:
        before = self.table.cursor_place
        self.view.set_sort(column, backwards=backwards)
        self.changed(before)

    def sort_by_next(self, step: int) -> None:
        """Sort by the column so many columns to the right."""
        ids = [place.column.id for place in self.table.columns]
        at = ids.index(self.view.sort_by) if self.view.sort_by in ids else -1
        name = ids[(at + step) % len(ids)]
        self.sort(name, backwards=BY_ID[name].largest_first)

    def reverse(self) -> None:
        self.sort(self.view.sort_by, backwards=not self.view.backwards)

    def choose_sort(self) -> None:
        def chosen(answer: tuple[str, bool] | None) -> None:
            if answer:
                self.sort(answer[0], backwards=answer[1])

        view = self.view
        asking = SortBy(view.sort_by, backwards=view.backwards, in_fleet=view.in_fleet)
        self.desk.push(asking, chosen)

    def choose_columns(self) -> None:
        def chosen(answer: tuple[str, ...] | None) -> None:
            if answer is not None:
                self.table.choice.columns = answer
                self.columns_changed()
                self.desk.screen.call_after_refresh(self.say_what_has_no_room)

        choice = self.table.choice
        self.desk.push(ColumnsChooser(choice.columns, in_fleet=self.view.in_fleet), chosen)

    def columns_changed(self) -> None:
        self.table.repaint_all()
        self.desk.screen.call_after_refresh(self.changed)

    def say_what_has_no_room(self) -> None:
        """Name the columns that were asked for and do not fit."""
        choice, key = self.table.choice, self.desk.key_of("view.columns")
        more = [column.id for column in COLUMNS if column.wide] if choice.wide else []
        cut_off = without_room(self.table.columns, dict.fromkeys((*choice.columns, *more)))
        if cut_off:
            self.desk.voice.say(
                f"no room for {', '.join(cut_off)} in {self.desk.screen.size.width} cells; {key}"
                " chooses columns, and K and J in it move them"
            )

    def switch_wide(self) -> None:
        self.table.choice.wide = not self.table.choice.wide
        self.columns_changed()
        self.desk.screen.call_after_refresh(self.say_what_has_no_room)

    def switch_faults(self) -> None:
        where = self.table.where
        self.view.set_faults_only(not self.view.faults_only)
        self.table.hid_rows(where)
        self.changed(where.place)

    def switch_groups(self) -> None:
        before, row = self.table.cursor_place, self.table.selected
        self.view.set_grouped(not self.view.grouped)
        if row is not None:
            self.keep_cursor_on(row.seen.node)
        self.changed(before)

    def keep_cursor_on(self, node: str) -> None:
        """Move the cursor into the folded row with its forward, and out of it to the first one."""
        cursor = self.table.cursor
        if cursor is None or cursor in self.view.places:
            return
        of_node = [key for key in self.view.order if key[0] == node]
        self.table.cursor = of_node[0] if of_node else cursor

    def unfold(self, unfolded: bool) -> None:
        """Unfold the node under the cursor, or fold it."""
        row = self.desk.selected("unfold" if unfolded else "fold")
        if row is None or row.seen.node not in self.view.folds:
            return
        before = self.table.cursor_place
        self.view.set_unfolded(row.seen.node, unfolded)
        if not unfolded:
            self.table.cursor = (row.seen.node, FOLD)
        self.table.rearranged(before)
        self.desk.voice.renew()

    def mark(self) -> None:
        """Mark the row under the cursor, or unmark it, and go one row down."""
        row = self.desk.selected("mark")
        if row is None:
            return
        keys = [each.key for each in self.desk.under_cursor()]
        self.view.mark(keys, marked=not self.view.is_marked(row))
        self.table.action_move(1)
        self.desk.voice.renew()

    def mark_all(self) -> None:
        """Mark all rows that the filter shows; if all are marked already, unmark them."""
        self.view.mark(list(self.view.shown), marked=not self.view.shown <= self.view.marks)
        self.desk.voice.renew()

    def choose_theme(self) -> None:
        looks = self.desk.looks

        def chosen(name: str | None) -> None:
            if name:
                looks.use(name)
                self.desk.app.post_message(Dressed())
                self.table.repaint_all()
                self.changed()

        choices = [(name, name) for name in THEMES]
        self.desk.push(Choose("Colours", choices, chosen=looks.name), chosen)

    def help(self, covering: Screen[Any] | None = None) -> None:
        """Show the keys of the table, or of the screen that covers it."""
        desk = self.desk
        wanted = desk.dependencies.preferences
        keys = moves(all_keys(wanted.preset, wanted.keys))
        sections = (
            help_sections(desk.actions, keys, read_only=desk.dependencies.acts.read_only)
            if covering is None
            else (own_keys(covering),)
        )
        looks, in_fleet = desk.looks, self.view.in_fleet
        desk.push(Help(sections, looks.palette, ascii_only=looks.ascii_only, in_fleet=in_fleet))
