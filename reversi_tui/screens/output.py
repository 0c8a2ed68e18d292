"""A sheet with the output of a command."""

from __future__ import annotations

from rich.text import Text

from reversi_tui.screens.sheet import Sheet


class Output(Sheet):
    """Shows the text as it is: the caller has escaped it."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title)
        self.text = text

    def on_mount(self) -> None:
        super().on_mount()
        self.show(Text(self.text))
