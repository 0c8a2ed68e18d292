"""A dialog to choose the column to sort by."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList

from reversi_tui.rows.columns import BY_ID, offered
from reversi_tui.screens.columns import FRAME, Lister
from reversi_tui.screens.modal import Modal
from reversi_tui.widgets.frame import Frame
from reversi_tui.widgets.line import Line


class SortBy(Modal[tuple[str, bool] | None]):
    """Returns the id of a column, and whether to reverse the order; None after escape.

    Choosing the present column reverses the order; counts and latency begin with the largest.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="sorting.leave", tooltip="Leave the order as it is"),
        Binding(
            "backspace",
            "retype",
            "Retype",
            id="sorting.retype",
            tooltip="Forget the letters typed so far",
            show=False,
        ),
    ]

    def __init__(self, sort_by: str, *, backwards: bool, in_fleet: bool = False) -> None:
        super().__init__()
        self.sort_by, self.backwards = sort_by, backwards
        self.ids = tuple(column.id for column in offered(in_fleet=in_fleet))
        self.typed = ""

    def compose(self) -> ComposeResult:
        with Frame(classes="sheet") as box:
            box.styles.max_width, box.styles.max_height = 64, len(self.ids) + FRAME
            yield Lister(self.text_of(name, BY_ID[name].tip) for name in self.ids)
            yield Line(id="chooser-keys").add_class("quiet")

    def text_of(self, name: str, tip: str) -> str:
        arrow = ("v" if self.backwards else "^") if name == self.sort_by else " "
        return f"{arrow} {BY_ID[name].title:<9} {tip}"

    def on_mount(self) -> None:
        self.query_one("#chooser-keys", Line).show(
            Text("type its name  enter sort, again reverse  esc cancel")
        )
        self.list.highlighted = self.ids.index(self.sort_by)
        self.list.focus()
        self.renew()

    @property
    def list(self) -> Lister:
        return self.query_one(Lister)

    def renew(self) -> None:
        self.name_frame(f"Sort by {self.typed}")

    def on_key(self, key: events.Key) -> None:
        """Go to the first column that begins with the typed letters; one that does not fit starts a
        new name.
        """
        letter = (key.character or "").lower()
        if not letter.isalnum():
            return
        key.stop()
        for typed in (self.typed + letter, letter):
            found = next(
                (
                    place
                    for place, name in enumerate(self.ids)
                    if BY_ID[name].title.startswith(typed) or name.startswith(typed)
                ),
                None,
            )
            if found is not None:
                self.typed, self.list.highlighted = typed, found
                break
        self.renew()

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        name = self.ids[selected.option_index]
        backwards = not self.backwards if name == self.sort_by else BY_ID[name].largest_first
        _ = self.dismiss((name, backwards))

    def action_retype(self) -> None:
        self.typed = ""
        self.renew()

    def action_leave(self) -> None:
        _ = self.dismiss(None)
