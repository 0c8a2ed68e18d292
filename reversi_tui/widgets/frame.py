"""What dialogs are made of: a frame with its title, inputs with their labels, and buttons."""

from __future__ import annotations

from typing import Self

from rich.text import Text
from textual import events
from textual.app import App
from textual.containers import Vertical
from textual.geometry import Region
from textual.widgets import Button, Input

from reversi_tui.widgets.line import drawn, is_same


class Frame(Vertical):
    """Its upper edge bears the title; markup in it has no effect."""

    def __init__(self, *, classes: str) -> None:
        super().__init__(classes=classes)
        self.titled = Text()
        self.edge: tuple[Region, ...] = ()
        """What a change of the title repaints; empty at other times."""

    def name_it(self, text: Text | str) -> None:
        """Show this title, if it is new."""
        title = text if isinstance(text, Text) else Text(text)
        if is_same(title, self.titled):
            return
        self.titled = title
        upper = Region(0, 0, self.outer_size.width, 1).translate(-self.content_offset)
        self.edge = (upper,)
        self.border_title = drawn(self, title)
        self.edge = ()

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        where = regions or self.edge
        return super().refresh(*where, repaint=repaint, layout=layout, recompose=recompose)


class LabelledInput(Input):
    """Its upper edge bears the label; without a blinking cursor, which would cost bytes."""

    def __init__(self, label: str, value: str = "", *, id: str, selects: bool = False) -> None:  # noqa: A002 - Textual's name for it
        """`selects`: getting the focus selects the text."""
        super().__init__(value, id=id, select_on_focus=selects)
        self.cursor_blink = False
        self.border_title = Text(label)

    def mark(self, *, wrong: bool) -> None:
        """Show by its edge whether the text is wrong."""
        self.set_class(wrong, "-wrong")


class KeyButton(Button):
    """A button that only a key presses; a click only moves the focus to it."""

    def on_click(self, click: events.Click) -> None:
        click.prevent_default()
        click.stop()


def edged(app: App[object], label: str) -> str:
    """The label of a button; with brackets if no background shows where it ends."""
    return label if app.has_class("-painted") else f"[{label}]"


LOW = 30
"""Lines of a terminal from which on inputs have a lower edge too."""


def edge_lines(height: int) -> int:
    """The lines of an input with its edges, in a terminal of that height."""
    return 3 if height >= LOW else 2
