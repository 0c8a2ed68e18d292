"""What a command said, to scroll in."""

from __future__ import annotations

from rich.text import Text

from reversi_tui.screens.sheet import Sheet


class Output(Sheet):
    """The text is shown as it is given: whoever gives it has escaped it."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title)
        self.text = text

    def on_mount(self) -> None:
        super().on_mount()
        self.show(Text(self.text))
