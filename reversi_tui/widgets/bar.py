"""The input lines at the bottom: for a filter, and for a name to jump to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widgets import Input

from reversi_tui.messages import Typed
from reversi_tui.rows.completion import Completed, Cycle, completed
from reversi_tui.rows.completion import step as go_on
from reversi_tui.rows.hint import hint
from reversi_tui.rows.vocabulary import Vocabulary
from reversi_tui.widgets.line import drawn

LEAST_HEIGHT = 12
"""Lines of a terminal that has room for a line of help below the filter."""
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
    """Up and down recall the filters that were kept before; tab, or the right arrow at the end,
    completes columns and values. A second line explains the word at the cursor.
    """

    hints = (("enter", "keep"), ("esc", "clear"), ("tab", "complete"), ("↑", "earlier filters"))

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
        Binding(
            "tab",
            "complete(1)",
            "Complete",
            id="filter.complete",
            tooltip="Complete the word, or leave if there is nothing to complete",
            show=False,
        ),
        Binding(
            "shift+tab",
            "complete(-1)",
            "Back",
            id="filter.complete_back",
            tooltip="The choice before, or leave",
            show=False,
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
        self.vocabulary: Vocabulary | None = None
        """What its words can become; None: it only filters."""
        self.last: Completed | None = None
        """The last completion; the next tab goes on from it if nothing was typed since."""

    def open(self, text: str) -> None:
        self.back, self.last = 0, None
        if self.vocabulary is not None:
            self.vocabulary.renew()
        has_hint = self.vocabulary is not None and self.screen.size.height >= LEAST_HEIGHT
        self.styles.height = 2 if has_hint else 1
        super().open(text)

    @property
    def cycle(self) -> Cycle | None:
        """The choices that tab goes on with."""
        last = self.last
        is_same = last and (last.text, last.cursor) == (self.value, self.cursor_position)
        return last.cycle if last and is_same else None

    def render_line(self, y: int) -> Strip:
        if y != 1 or self.vocabulary is None:
            return super().render_line(y)
        width = self.size.width
        text = hint(self.value, self.cursor_position, self.vocabulary, self.cycle, width)
        text = drawn(self, text)
        text.stylize_before("dim")
        return (
            Strip(text.render(self.app.console))
            .adjust_cell_length(width)
            .apply_style(self.rich_style)
        )

    def completes(self, step: int) -> bool:
        """Complete the word, or take the next choice; whether there was one."""
        if self.vocabulary is None:
            return False
        cycle = self.cycle
        found = (
            go_on(self.value, cycle, step)
            if cycle
            else completed(self.value, self.cursor_position, self.vocabulary)
            if step > 0
            else None
        )
        if found is None or len(found.text) > MOST_CHARACTERS:
            return False
        self.last = found
        self.value, self.cursor_position = found.text, found.cursor
        return True

    def action_complete(self, step: int) -> None:
        if not self.completes(step):
            (self.screen.focus_next if step > 0 else self.screen.focus_previous)()

    def action_cursor_right(self, select: bool = False) -> None:  # noqa: FBT002 - as Textual's own
        """Complete at the end of what was typed; after a choice, begin with the next part of it."""
        is_at_end = bool(self.value.strip()) and self.cursor_position == len(self.value)
        if is_at_end and not select:
            self.last = None
            if not self.value.endswith(" ") and self.completes(1):
                return
        super().action_cursor_right(select)

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
