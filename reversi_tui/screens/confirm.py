"""The question before a dangerous action: names the targets; Cancel has the focus."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Input, Static

from reversi_tui.actions.questions import Lock
from reversi_tui.screens.modal import Modal
from reversi_tui.widgets.frame import Frame, KeyButton, LabelledInput, edge_lines, edged

FRAME = 4
"""Lines of the border, the buttons and the blank line above them."""
WHY = 200
"""Characters of a reason."""


class Confirm(Modal[bool]):
    """Returns True only for yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("w", "reason", "Why", id="confirm.why", tooltip="Give a reason", show=False),
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

    def __init__(
        self, title: str, question: str, *, yes: str, lock: Lock | None = None, reason: str = ""
    ) -> None:
        """`yes` is what the button does; the operator must first type what opens the `lock`, and
        may give a reason if there is a question for one.
        """
        super().__init__()
        self.reason, self.why = reason, ""
        self.heading, self.question, self.yes, self.typing = title, question, yes, lock

    def compose(self) -> ComposeResult:
        with Frame(classes="dialog danger"):
            with VerticalScroll(id="confirm-scroll", can_focus=False):
                yield Static(Text(self.question), id="confirm-text", markup=False)
            if self.typing:
                yield Static(self.typing.asks(), id="confirm-ask", markup=False)
                yield LabelledInput("", id="count")
            if self.reason:
                key = "tab" if self.typing else "w"
                yield LabelledInput(f"{self.reason}: {key}, then type", id="why")
            with Horizontal(id="confirm-buttons", classes="buttons"):
                no = "Cancel (esc)" if self.typing else "Cancel (n)"
                yield Button(edged(self.app, no), id="no", compact=True)
                yes = edged(self.app, f"Yes, {self.yes}{'' if self.typing else ' (y)'}")
                yield KeyButton(yes, id="yes", compact=True, disabled=bool(self.typing))

    def on_mount(self) -> None:
        self.name_frame(self.heading)
        for field in self.query("#why").results(Input):
            field.max_length = WHY
        if self.typing is None:
            self.query_one("#no").focus()
            return
        count = self.query_one("#count", Input)
        count.restrict, count.max_length = f"[0-9{self.typing.word}]*", 6
        count.focus()

    def on_resize(self) -> None:
        """Let the targets scroll; title, fields and buttons stay in sight."""
        edges = edge_lines(self.size.height)
        others = FRAME + (1 + edges if self.typing else 0) + (edges if self.reason else 0)
        self.query_one("#confirm-scroll").styles.max_height = max(1, self.size.height - others)

    @property
    def may_answer_yes(self) -> bool:
        return self.typing is None or self.typing.opens(self.query_one("#count", Input).value)

    def on_input_changed(self, changed: Input.Changed) -> None:
        if changed.input.id == "why":
            self.why = changed.value.strip()
            return
        lock, may = self.typing, self.may_answer_yes
        if lock:
            text = f"enter: {self.yes} {lock.count} now" if may else lock.asks()
            self.query_one("#confirm-ask", Static).update(text)
        self.query_one("#yes", Button).disabled = not may

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        if submitted.input.id == "why":
            self.query_one("#count" if self.typing else "#no").focus()
        else:
            self.action_answer(True)

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        self.action_answer(pressed.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        if not answer or self.may_answer_yes:
            _ = self.dismiss(answer)

    def action_reason(self) -> None:
        """Go to the field for the reason, if there is one."""
        if self.reason:
            self.query_one("#why").focus()

    def action_scroll(self, direction: int) -> None:
        self.query_one("#confirm-scroll").scroll_relative(y=direction * 3, animate=False)
