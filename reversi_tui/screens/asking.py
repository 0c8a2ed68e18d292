"""A small dialog that asks for one line of text."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from reversi_tui.widgets.line import Line


class Ask(ModalScreen[str | None]):
    """Returns what was typed, or None after escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="ask.leave", tooltip="Cancel"),
    ]

    def __init__(self, title: str, text: str, value: str, *, may_be_empty: bool = False) -> None:
        super().__init__()
        self.heading, self.text, self.value = title, text, value
        self.may_be_empty = may_be_empty

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Line(id="ask-title")
            yield Static(Text(self.text), id="ask-text", markup=False)
            yield Input(self.value, id="ask-field", compact=True, select_on_focus=False)
            yield Static("enter continue   esc cancel", markup=False, classes="quiet")

    def on_mount(self) -> None:
        self.query_one("#ask-title", Line).show(Text(self.heading, style="bold"))
        field = self.query_one("#ask-field", Input)
        field.cursor_blink = False
        field.focus()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        if submitted.value.strip() or self.may_be_empty:
            _ = self.dismiss(submitted.value.strip())

    def action_leave(self) -> None:
        _ = self.dismiss(None)
