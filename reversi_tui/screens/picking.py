"""A list to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from reversi_tui.screens.modal import Modal
from reversi_tui.widgets.cursor_keys import CHOICE_CALLS, HalfPages, cursor_keys
from reversi_tui.widgets.frame import Frame
from reversi_tui.widgets.line import Line

HIGHLIGHTED = Style(reverse=True, bold=True)
TO_ENDS = frozenset({"table.first", "table.last"})
MENU_CALLS = {name: call for name, call in CHOICE_CALLS.items() if name not in TO_ENDS}
"""Without the keys to the ends, which may be letters typed twice."""


class Options(OptionList):
    """Shows the highlighted option in reverse if the theme has no background for it.

    Ignores page up and down if the terminal leaves the list no room: Textual fails then.

    tests/reversi_tui/test_textual.py fails once Textual no longer does. Source:
    textual/widgets/_option_list.py, OptionList._move_page.
    """

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        place = self.scroll_offset.y + y
        at = self._lines[place][0] if place < len(self._lines) else None
        if at is None or at != self.highlighted or self.app.has_class("-painted"):
            return strip
        return Strip(
            [
                Segment(text, (style or Style()) + HIGHLIGHTED, control)
                for text, style, control in strip
            ]
        )

    def action_page_up(self) -> None:
        if self.scrollable_content_region:
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        if self.scrollable_content_region:
            super().action_page_down()  # type: ignore[no-untyped-call]


class Menu(Options, HalfPages):
    """The operator's own keys move in it, except letters that titles begin with."""

    BINDINGS: ClassVar[list[BindingType]] = [*cursor_keys("line", MENU_CALLS)]

    def action_move(self, step: int) -> None:
        last = max(0, len(self.options) - 1)
        self.highlighted = max(0, min((self.highlighted or 0) + step, last))


class Choose(Modal[str | None]):
    """Returns the id of the choice, or None. A letter goes to the next title with it."""

    DEFAULT_CSS = """
    Choose OptionList {
        height: auto; max-height: 70vh; border: none; padding: 0; background: transparent;
        scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", id="choose.leave", tooltip="Choose nothing"),
    ]

    KEYS: ClassVar[str] = "↑ ↓ or a letter   enter choose   esc close"
    FRAME_CLASSES: ClassVar[str] = "dialog"

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], *, chosen: str = "") -> None:
        """`choices` are ids and titles; the cursor begins at `chosen`."""
        super().__init__()
        self.heading, self.choices, self.chosen = title, tuple(choices), chosen

    def compose(self) -> ComposeResult:
        with Frame(classes=self.FRAME_CLASSES):
            yield Menu(
                *(Option(self.entry(title)) for _, title in self.choices),
                markup=False,
                compact=True,
            )
            yield Line(id="choose-keys").add_class("quiet")

    def on_mount(self) -> None:
        self.name_frame(self.heading)
        self.query_one("#choose-keys", Line).show(Text(self.KEYS))
        ids = [name for name, _ in self.choices]
        if ids:
            self.list.highlighted = ids.index(self.chosen) if self.chosen in ids else 0
        self.list.focus()

    def entry(self, title: str) -> Text:
        """A choice as the list shows it."""
        return Text(title)

    @property
    def list(self) -> Options:
        return self.query_one(Options)

    def on_key(self, event: events.Key) -> None:
        if (
            event.character
            and event.is_printable
            and (place := self.next_with(event.character)) is not None
        ):
            event.stop()
            self.list.highlighted = place

    def next_with(self, letter: str) -> int | None:
        """The next title after the cursor that begins with the letter."""
        count, at = len(self.choices), self.list.highlighted or 0
        places = ((at + step) % count for step in range(1, count + 1))
        return next(
            (
                place
                for place in places
                if self.choices[place][1].casefold().startswith(letter.casefold())
            ),
            None,
        )

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        _ = self.dismiss(self.choices[selected.option_index][0])

    def action_leave(self) -> None:
        _ = self.dismiss(None)
