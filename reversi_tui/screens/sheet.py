"""A sheet above the table: a title and a text that scrolls."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from reversi_tui.screens.modal import Modal
from reversi_tui.widgets.frame import Frame
from reversi_tui.widgets.line import Line, is_same
from reversi_tui.widgets.page import Scroller


class Sheet(Modal[None]):
    """The arrows scroll, escape closes. It fills a small terminal, but not a large one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,q,enter",
            "close",
            "Close",
            id="sheet.close",
            tooltip="Close this and go back to the table",
        ),
    ]

    AUTO_FOCUS: ClassVar[str | None] = "#sheet-scroll"

    def __init__(self, title: str) -> None:
        super().__init__()
        self.heading = title
        self.shown = Text()

    def compose(self) -> ComposeResult:
        with Frame(classes="sheet"):
            with Scroller(id="sheet-scroll"):
                yield Static("", id="sheet-text", markup=False)
            yield Line(id="sheet-keys").add_class("quiet")

    def on_mount(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Fill the parts, before they are painted."""
        self.name_frame(self.heading)
        self.query_one("#sheet-keys", Line).show(Text("↑ ↓ scroll   esc close"))

    @property
    def is_whole(self) -> bool:
        """Whether its parts are there; while it opens or closes they are not."""
        return bool(self.query("#sheet-keys")) and bool(self.query("#sheet-text, #sheet-page"))

    def show(self, text: Text, *, at_end: bool = False) -> None:
        """Show this text, if it is new; `at_end` shows its last lines."""
        if not is_same(text, self.shown):
            self.shown = text
            self.query_one("#sheet-text", Static).update(text)
            if at_end:
                self.query_one("#sheet-scroll").anchor()

    def action_close(self) -> None:
        _ = self.dismiss(None)
