"""Named views: shows one, and saves the present one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from checker.model import CheckerError, InvalidValue
from reversi_tui.actions.action import Action
from reversi_tui.actions.key_names import key_name
from reversi_tui.actions.table import MOVES
from reversi_tui.actions.view_actions import of_view
from reversi_tui.rows.columns import COLUMNS, usual
from reversi_tui.screens.asking import Ask
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.table_view import TableView
from reversi_tui.settings.preferences import Preferences
from reversi_tui.settings.views import (
    NamedView,
    Order,
    called,
    key_for,
    merged,
    parse_view_name,
    summary,
    with_keys_free,
)
from reversi_tui.terminal.threads import detached

PREFIX = "views."
"""Of the id of a view's action; the rest is its name."""


def keys_taken(actions: Sequence[Action], preferences: Preferences) -> dict[str, str]:
    """Who has each key, without the views."""
    moves = {**MOVES, **{name: key for name, key in preferences.keys if name in MOVES}}
    owners = [(key, action.id) for action in actions for key in action.keys]
    owners += [(key, name) for name, keys in moves.items() for key in keys.split(",")]
    return {key: owner for key, owner in owners if not owner.startswith(PREFIX)}


def with_views(
    actions: Sequence[Action], preferences: Preferences
) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """The actions, with one for each view; and a sentence for each view without the key that it
    should have.
    """
    free, remarks = with_keys_free(preferences.views, keys_taken(actions, preferences))
    return (*actions, *map(of_view, free)), remarks


class NamedViews:
    """What a view leaves open is as it was before a view changed it."""

    def __init__(self, desk: Desk, table_view: TableView) -> None:
        self.desk, self.table_view = desk, table_view
        wanted = desk.dependencies.preferences
        self.views, self.remarks = with_keys_free(wanted.views, keys_taken(desk.actions, wanted))
        begun = next((view for view in self.views if view.name == self.current()), None)
        files = desk.dependencies.in_files
        self.columns_before = files.columns if begun and begun.columns else None
        """The columns before a view changed them; None: no view did."""
        self.sort_before: Order | None = None
        if begun and begun.sort:
            self.sort_before = (files.sort_by, files.backwards)

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "view.save": self.save,
        }

    def as_view(self) -> NamedView:
        """What is shown now, as a view without a name."""
        now = self.table_view.as_preferences()
        return NamedView(
            name="",
            filter_text=now.filter_text,
            sort=(now.sort_by, now.backwards),
            columns=now.columns,
            faults_only=now.faults_only,
            grouped=now.grouped,
        )

    def current(self) -> str:
        """The name of the view that is shown; empty if it has no name, or is `all`."""
        now = self.as_view()
        named = (view for view in self.views if view.name != "all")
        return called(named, now)

    def use(self, name: str) -> None:
        """Show the view; stay on the selected row if the view has it."""
        view = next(view for view in self.views if view.name == name)
        desk, table = self.desk, self.desk.table
        where = table.where
        if view.columns and self.columns_before is None:
            self.columns_before = table.choice.columns
        if view.sort and self.sort_before is None:
            self.sort_before = (desk.view.sort_by, desk.view.backwards)
        columns, sort = self.columns_before, self.sort_before
        if not view.columns:
            self.columns_before = None
        if not view.sort:
            self.sort_before = None
        sort_by, backwards = view.sort or sort or (desk.view.sort_by, desk.view.backwards)
        desk.view.look(
            replace(
                desk.dependencies.preferences,
                filter_text=view.filter_text,
                sort_by=sort_by,
                backwards=backwards,
                faults_only=view.faults_only,
                grouped=view.grouped,
            )
        )
        before = table.choice.columns
        table.choice.columns = view.columns or (before if columns is None else columns)
        if table.choice.columns != before:
            table.repaint_all()
        desk.voice.say(self.sentence(view))
        if where.key not in desk.view.places:
            table.select(0)
        self.table_view.changed(where.place)

    def sentence(self, view: NamedView) -> str:
        """What the view shows, if it shows nothing; else an empty text: the rows say it."""
        if self.desk.view.order or not self.desk.view.rows:
            return ""
        back = next((key_name(each.key) for each in self.views if each.name == "all"), "")
        way_back = f"; {back} shows all" if back else ""
        return f"no forward is in view {view.name!r} ({summary(view)}){way_back}"

    def save(self) -> None:
        """Ask for a name, and save what is shown under it."""
        now = replace(self.as_view(), columns=self.columns_to_save())
        own = next((view for view in self.views if view.name == self.current()), None)
        text = f"Name it; a view with that name is replaced. It will show: {summary(now)}."

        def answered(name: str | None) -> None:
            if name is not None:
                self.desk.start(partial(self.keep, name, now), group="views")

        self.desk.push(Ask("Save this view", text, own.name if own else ""), answered)

    def columns_to_save(self) -> tuple[str, ...]:
        """The columns chosen, with the wide ones if they are shown."""
        choice = self.desk.table.choice
        if not choice.wide:
            return choice.columns
        shown = usual(in_fleet=self.desk.view.in_fleet)
        chosen = choice.columns or tuple(column.id for column in shown)
        wide = (column.id for column in COLUMNS if column.wide)
        return tuple(dict.fromkeys((*chosen, *wide)))

    async def keep(self, text: str, now: NamedView) -> None:
        """Give it a key, and write it to the operator's file."""
        desk = self.desk
        try:
            name = parse_view_name(text)
        except InvalidValue as error:
            desk.voice.say(f"not saved: {error}")
            return
        taken = keys_taken(desk.actions, desk.dependencies.preferences)
        view = replace(now, name=name, key=key_for(name, self.views, taken))
        is_new = name not in {each.name for each in self.views}
        self.views = merged((*self.views, view))
        others = [each for each in desk.actions if each.id != f"{PREFIX}{name}"]
        desk.actions[:] = [*others, of_view(view)]
        if is_new and view.key:
            action = of_view(view)
            desk.app.bind(view.key, f"on_main({action.call!r})", show=False)
        how = f"key {key_name(view.key)} shows it" if view.key else "the palette shows it"
        save_view = desk.dependencies.save_view
        try:
            path = await detached(lambda: save_view(view), name="save view")
        except CheckerError as error:
            desk.voice.note(f"view {name!r}: {how}; {error}")
        else:
            desk.voice.note(f"view {name!r} is saved in {path}: {how}")
        desk.voice.renew()
