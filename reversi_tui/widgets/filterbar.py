"""The line where a filter is typed."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from reversi_tui.messages import Filtered


class FilterBar(Input):
    """Every keystroke filters; enter keeps the filter, escape clears it."""

    DEFAULT_CSS = """
    FilterBar { display: none; height: 1; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_filter", "Clear", id="filter.clear", tooltip="Clear the filter and go back to the table"),
        Binding("down,up", "submit", "Keep", id="filter.keep", tooltip="Keep the filter and go back to the table", show=False),
    ]

    def __init__(self, text: str) -> None:
        super().__init__(text, id="filter", compact=True, select_on_focus=False, placeholder="text   !text   column:text")
        self.cursor_blink = False

    def on_input_changed(self, changed: Input.Changed) -> None:
        changed.stop()
        if self.display:
            self.post_message(Filtered(changed.value, final=False))

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        submitted.stop()
        self.post_message(Filtered(submitted.value, final=True))

    def action_clear_filter(self) -> None:
        self.post_message(Filtered("", final=True))
