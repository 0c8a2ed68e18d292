"""The menu of the ways to reach a node: each with its command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from reversi_tui.actions.reach import Place, Way
from reversi_tui.screens.picking import Choose
from reversi_tui.terminal.process_group import shown


class Reach(Choose):
    """Returns the id of the way; `runs` says whether to run it, else its command is copied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run_it", "Run", id="reach.run", tooltip="Run the command"),
    ]
    KEYS: ClassVar[str] = "enter copy   r run on the gateway   esc close"
    FRAME_CLASSES: ClassVar[str] = "dialog wide"

    def __init__(self, title: str, ways: Sequence[Way]) -> None:
        super().__init__(title, [(way.id, told(way)) for way in ways])
        self.runs = False

    def entry(self, title: str) -> Text:
        """The title in bold, and the command below."""
        first, _, command = title.partition("\n")
        return Text.assemble((first, "bold"), f"\n{command}")

    def action_run_it(self) -> None:
        """Run the way under the cursor, instead of copying it."""
        self.runs = True
        self.list.action_select()


def told(way: Way) -> str:
    """Its title and place, and its command below."""
    where = "" if way.place is Place.HERE else f" ({way.place})"
    return f"{way.title}{where}\n  {shown(way.argv)}"
