"""A small dialog that asks for one line of text."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Input, Static

from reversi_tui.screens.modal import Modal
from reversi_tui.widgets.frame import Frame, LabelledInput, edged


class Ask(Modal[str | None]):
    """Returns what was typed, or None after escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="ask.leave", tooltip="Cancel"),
    ]

    def __init__(self, title: str, text: str, value: str, *, may_be_empty: bool = False) -> None:
        super().__init__()
        self.heading, self.text, self.value = title, text, value
        self.may_be_empty = may_be_empty

    def compose(self) -> ComposeResult:
        with Frame(classes="dialog"):
            yield Static(Text(self.text), id="ask-text", markup=False)
            yield LabelledInput("", self.value, id="ask-field")
            with Horizontal(classes="buttons"):
                yield Button(edged(self.app, "Cancel (esc)"), id="leave", compact=True)
                yield Button(edged(self.app, "Go on (enter)"), id="go-on", compact=True)

    def on_mount(self) -> None:
        self.name_frame(self.heading)
        self.query_one("#ask-field").focus()

    def on_input_submitted(self) -> None:
        self.go_on()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        if pressed.button.id == "go-on":
            self.go_on()
        else:
            self.action_leave()

    def go_on(self) -> None:
        """Return the text, unless it is empty and may not be."""
        text = self.query_one("#ask-field", Input).value.strip()
        if text or self.may_be_empty:
            _ = self.dismiss(text)

    def action_leave(self) -> None:
        _ = self.dismiss(None)
