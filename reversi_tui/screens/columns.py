"""A dialog to choose the table's columns and their order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList

from reversi_tui.rows.columns import BY_ID, offered, usual
from reversi_tui.screens.modal import Modal
from reversi_tui.screens.picking import Menu, Options
from reversi_tui.widgets.cursor_keys import CHOICE_CALLS, cursor_keys
from reversi_tui.widgets.frame import Frame
from reversi_tui.widgets.line import Line

ALWAYS = "node"
"""It identifies the row: you may move it, but not hide it."""
FRAME = 4
"""Lines of a list's border, and of its keys."""


class Lister(Options):
    """One line per choice."""

    DEFAULT_CSS = """
    Lister, Lister:focus {
        border: none; padding: 0; height: 1fr; background: transparent;
        background-tint: transparent;
    }
    Lister { scrollbar-size-vertical: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, texts: Iterable[str]) -> None:
        super().__init__(*map(Text, texts), markup=False, compact=True)

    @property
    def at(self) -> int:
        return self.highlighted or 0


class Mover(Lister, Menu):
    """A list without letters to type: all of the operator's own keys move in it."""

    BINDINGS: ClassVar[list[BindingType]] = [*cursor_keys("line", CHOICE_CALLS)]


class ColumnsChooser(Modal[tuple[str, ...] | None]):
    """Returns the ids of the columns to show, in their order; empty: those that fit; None after
    escape.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "space", "pick", "Show", id="columns.toggle", tooltip="Show the column, or hide it"
        ),
        Binding(
            "shift+up,K", "move(-1)", "Up", id="columns.up", tooltip="Move the column to the left"
        ),
        Binding(
            "shift+down,J",
            "move(1)",
            "Down",
            id="columns.down",
            tooltip="Move the column to the right",
        ),
        Binding(
            "d",
            "default",
            "Default",
            id="columns.default",
            tooltip="Show what fits, the most important first",
        ),
        Binding(
            "enter", "keep", "Keep", id="columns.keep", tooltip="Show these columns", priority=True
        ),
        Binding(
            "escape,q",
            "leave",
            "Leave",
            id="columns.leave",
            tooltip="Leave the columns as they are",
        ),
    ]

    def __init__(self, chosen: tuple[str, ...], *, in_fleet: bool = False) -> None:
        super().__init__()
        self.chosen = chosen
        self.usual = tuple(column.id for column in usual(in_fleet=in_fleet))
        self.all = tuple(column.id for column in offered(in_fleet=in_fleet))
        self.ids = list(dict.fromkeys((*chosen, *self.all)))
        self.shown = {ALWAYS, *(chosen or self.usual)}

    def compose(self) -> ComposeResult:
        with Frame(classes="sheet") as box:
            box.styles.max_width, box.styles.max_height = 64, len(self.ids) + FRAME
            yield Mover(map(self.text_of, self.ids))
            yield Line(id="chooser-keys").add_class("quiet")

    def on_mount(self) -> None:
        self.name_frame("Columns, from left to right")
        self.query_one("#chooser-keys", Line).show(
            Text("space show  K J move  d default  enter keep  esc cancel")
        )
        self.list.highlighted = 0
        self.list.focus()

    @property
    def list(self) -> Lister:
        return self.query_one(Lister)

    @property
    def answer(self) -> tuple[str, ...]:
        """Ids of the shown columns, in their order; empty if that is the default."""
        ids = tuple(name for name in self.ids if name in self.shown)
        return () if ids == self.usual else ids

    def text_of(self, name: str) -> str:
        return f"[{'x' if name in self.shown else ' '}] {BY_ID[name].title:<9} {BY_ID[name].tip}"

    def renew(self, at: int) -> None:
        for place, name in enumerate(self.ids):
            self.list.replace_option_prompt_at_index(place, Text(self.text_of(name)))
        self.list.highlighted = at

    def action_pick(self) -> None:
        name = self.ids[self.list.at]
        if name != ALWAYS:
            self.shown ^= {name}
        self.renew(self.list.at)

    def on_option_list_option_selected(self, _: OptionList.OptionSelected) -> None:
        self.action_pick()

    def action_move(self, step: int) -> None:
        at = self.list.at
        to = max(0, min(at + step, len(self.ids) - 1))
        self.ids.insert(to, self.ids.pop(at))
        self.renew(to)

    def action_default(self) -> None:
        self.ids, self.shown = list(self.all), set(self.usual)
        self.renew(0)

    def action_keep(self) -> None:
        _ = self.dismiss(self.answer)

    def action_leave(self) -> None:
        _ = self.dismiss(None)
