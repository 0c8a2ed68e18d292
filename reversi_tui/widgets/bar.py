"""The input lines at the bottom: for a filter, and for a name to jump to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from reversi_tui.messages import Typed

MOST_CHARACTERS = 500
"""The most that a bar takes, also pasted: filters are remembered."""


class Bar(Input):
    """Reports every keystroke; enter keeps what was typed, escape does not."""

    DEFAULT_CSS = """
    Bar { display: none; height: 1; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="bar.leave", tooltip="Go back to the table"),
    ]
    hints: tuple[tuple[str, str], ...] = (("enter", "stay there"), ("esc", "go back"))
    """Its keys, for the footer."""

    def __init__(self, *, id: str, placeholder: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(
            id=id,
            compact=True,
            select_on_focus=False,
            placeholder=placeholder,
            max_length=MOST_CHARACTERS,
        )
        self.cursor_blink = False

    def open(self, text: str) -> None:
        """Show it with this text."""
        self.value = text
        self.cursor_position = len(text)
        self.display = True
        self.focus()

    def on_input_changed(self, changed: Input.Changed) -> None:
        changed.stop()
        if self.display:
            self.report(changed.value, final=False)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        submitted.stop()
        self.report(submitted.value, final=True)

    def report(self, text: str, *, final: bool, kept: bool = True) -> None:
        self.post_message(Typed(self.id or "", text, final=final, kept=kept))

    def action_leave(self) -> None:
        self.report(self.value, final=True, kept=False)


class FilterBar(Bar):
    """Up and down recall the filters that were kept before."""

    hints = (("enter", "keep"), ("esc", "clear"), ("↑", "earlier filters"))

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "up",
            "recall(1)",
            "Earlier",
            id="filter.earlier",
            tooltip="The previous filter",
            show=False,
        ),
        Binding(
            "down", "recall(-1)", "Later", id="filter.later", tooltip="The next filter", show=False
        ),
    ]

    def __init__(self, history: Sequence[str]) -> None:
        super().__init__(
            id="filter",
            placeholder="text   !text   column:text   latency:>200   ↑ earlier ones",
        )
        self.history = list(history)
        """Without duplicates, the newest last."""
        self.back = 0
        """How many filters back we are; 0: at the draft."""
        self.draft = ""

    def open(self, text: str) -> None:
        self.back = 0
        super().open(text)

    def keep(self, text: str) -> None:
        """Remember a filter that was kept."""
        if text.strip():
            self.history = [*(one for one in self.history if one != text), text]

    def action_recall(self, step: int) -> None:
        if not self.back:
            self.draft = self.value
        self.back = max(0, min(len(self.history), self.back + step))
        self.value = self.history[-self.back] if self.back else self.draft
        self.cursor_position = len(self.value)
