"""The question before a dangerous action: names the targets; Cancel has the focus."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from reversi_tui.widgets.line import Line

FRAME = 4
"""Lines of the border, the title and the buttons."""
COUNTING = 2
"""Lines that ask for the count."""


class KeyButton(Button):
    """A button that only a key presses; a click only moves the focus to it."""

    def on_click(self, click: events.Click) -> None:
        click.prevent_default()
        click.stop()


class Confirm(ModalScreen[bool]):
    """Returns True only for yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("n,escape,q", "answer(False)", "Cancel", id="confirm.no", tooltip="Cancel"),
        Binding(
            "left",
            "app.focus_previous",
            "Left",
            id="confirm.left",
            tooltip="The other button",
            show=False,
        ),
        Binding(
            "right",
            "app.focus_next",
            "Right",
            id="confirm.right",
            tooltip="The other button",
            show=False,
        ),
        Binding(
            "up,pageup",
            "scroll(-1)",
            "Up",
            id="confirm.up",
            tooltip="Scroll the targets",
            show=False,
        ),
        Binding(
            "down,pagedown",
            "scroll(1)",
            "Down",
            id="confirm.down",
            tooltip="Scroll the targets",
            show=False,
        ),
    ]

    def __init__(self, title: str, question: str, *, yes: str, count: int | None = None) -> None:
        """`yes` is what the button does; the operator must first type the `count`, if any."""
        super().__init__()
        self.heading, self.question, self.yes, self.count = title, question, yes, count

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Line(id="confirm-title")
            with VerticalScroll(id="confirm-scroll", can_focus=False):
                yield Static(Text(self.question), id="confirm-text", markup=False)
            if self.count is not None:
                yield Static(f"Type {self.count} to continue:", id="confirm-ask", markup=False)
                yield Input(
                    id="count", compact=True, restrict="[0-9]*", max_length=6, select_on_focus=False
                )
            with Horizontal(id="confirm-buttons"):
                yield Button(
                    "Cancel (n)" if self.count is None else "Cancel (esc)", id="no", compact=True
                )
                key = "" if self.count is not None else " (y)"
                yield KeyButton(
                    f"Yes, {self.yes}{key}", id="yes", compact=True, disabled=self.count is not None
                )

    def on_mount(self) -> None:
        self.query_one("#confirm-title", Line).show(Text(self.heading, style="bold"))
        if self.count is None:
            self.query_one("#no").focus()
        else:
            field = self.query_one("#count", Input)
            field.cursor_blink = False
            field.focus()

    def on_resize(self) -> None:
        """Let the targets scroll; title and buttons stay in sight."""
        others = FRAME + (COUNTING if self.count is not None else 0)
        self.query_one("#confirm-scroll").styles.max_height = max(1, self.size.height - others)

    @property
    def may_answer_yes(self) -> bool:
        return self.count is None or self.query_one("#count", Input).value == str(self.count)

    def on_input_changed(self) -> None:
        self.query_one("#yes", Button).disabled = not self.may_answer_yes

    def on_input_submitted(self) -> None:
        if self.may_answer_yes:
            self.query_one("#yes").focus()  # it takes one more key: the digits only unlock it

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        self.action_answer(pressed.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        if not answer or self.may_answer_yes:
            _ = self.dismiss(answer)

    def action_scroll(self, direction: int) -> None:
        self.query_one("#confirm-scroll").scroll_relative(y=direction * 3, animate=False)
