"""A text that scrolls, and of which only the lines that differ are painted when it changes."""

from __future__ import annotations

from itertools import zip_longest
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.geometry import Region
from textual.strip import Strip

from reversi_tui.widgets.block import differing
from reversi_tui.widgets.cursor_keys import SCROLL_CALLS, HalfPages, cursor_keys
from reversi_tui.widgets.scrolled import Scrolled


class Scroller(VerticalScroll, HalfPages):
    """What it holds scrolls by the operator's own keys, too."""

    BINDINGS: ClassVar[list[BindingType]] = [*cursor_keys("line", SCROLL_CALLS)]

    def action_move(self, step: int) -> None:
        self.scroll_relative(y=step, animate=False)


class Page(Scrolled, HalfPages, can_focus=True):
    """Arrows, page keys, home and end scroll. Its writer breaks the lines."""

    DEFAULT_CSS = """
    Page {
        height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*cursor_keys("line", SCROLL_CALLS)]

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.lines: list[Text] = []

    def action_move(self, step: int) -> None:
        self.scroll_relative(y=step, animate=False)

    def show(self, text: Text) -> None:
        """Show this text; repaint what differs from the one before."""
        before, self.lines = self.lines, list(text.split("\n", allow_blank=True))
        if len(before) != len(self.lines):
            self.hold(len(self.lines))
        top, width = round(self.scroll_y), self.scrollable_content_region.width
        pairs = zip_longest(before, self.lines, fillvalue=Text())
        regions = [
            Region(0, line - top, width, 1)
            for line, (old, new) in enumerate(pairs)
            if 0 <= line - top < self.size.height and differing(old, new)
        ]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        width, style = self.scrollable_content_region.width, self.rich_style
        line = round(self.scroll_y) + y
        if line >= len(self.lines):
            return Strip.blank(width, style)
        strip = Strip(self.lines[line].render(self.app.console))
        return strip.adjust_cell_length(width).apply_style(style)
