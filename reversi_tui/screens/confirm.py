"""The question before a dangerous key: the target is named, and Cancel has the focus."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from checker.control import Verb
from reversi_tui.widgets.line import Line


class Confirm(ModalScreen[bool]):
    """True for yes alone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("n,escape,q", "answer(False)", "Cancel", id="confirm.no", tooltip="Leave it"),
        Binding("left,up", "app.focus_previous", "Left", id="confirm.left", tooltip="The other button", show=False),
        Binding("right,down", "app.focus_next", "Right", id="confirm.right", tooltip="The other button", show=False),
    ]

    def __init__(self, verb: Verb, question: str) -> None:
        super().__init__()
        self.verb, self.question = verb, question

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Line(id="confirm-title")
            yield Static(Text(self.question), id="confirm-text", markup=False)
            with Horizontal(id="confirm-buttons"):
                yield Button("Cancel (n)", id="no", compact=True)
                yield Button(f"Yes, {self.verb} (y)", id="yes", compact=True, variant="error")

    def on_mount(self) -> None:
        self.query_one("#confirm-title", Line).show(Text(f"{self.verb.capitalize()} this tunnel?", style="bold"))
        self.query_one("#no").focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        _ = self.dismiss(pressed.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        _ = self.dismiss(answer)
