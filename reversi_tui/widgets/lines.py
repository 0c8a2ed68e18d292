"""A list of lines with a cursor; it draws only what is in sight, through Textual's Line API."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from reversi_tui.widgets.cursor_keys import HalfPages, cursor_keys


class Lines(ScrollView, HalfPages, can_focus=True):
    """The owner draws each line, and says how many there are."""

    DEFAULT_CSS = """
    Lines {
        height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *cursor_keys("line"),
        Binding("home", "to(0)", "First", id="table.first", tooltip="The first line", show=False),
        Binding("end", "to(-1)", "Last", id="table.last", tooltip="The last line", show=False),
    ]

    class Opened(Message):
        """A line was double-clicked."""

    def __init__(self, draw: Callable[[int], Text], cursor_style: Callable[[], Style]) -> None:
        super().__init__(id="lines")
        self.draw, self.cursor_style = draw, cursor_style
        self.count = 0
        self.cursor = 0

    def show(self, count: int, cursor: int) -> None:
        """So many lines now, the cursor on this one."""
        self.count, self.cursor = count, max(0, min(cursor, count - 1))
        self.virtual_size = Size(1, count)
        self.keep_in_sight()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, place = self.scrollable_content_region.width, round(self.scroll_y) + y
        if place >= self.count:
            return Strip.blank(width, self.rich_style)
        base = self.cursor_style() if place == self.cursor else Style()
        text = self.draw(place)
        text.stylize_before(base)
        strip = Strip(text.render(self.app.console))
        return strip.adjust_cell_length(width, base).apply_style(self.rich_style)

    def action_to(self, place: int) -> None:
        self.select(self.count - 1 if place < 0 else place)

    def action_move(self, step: int) -> None:
        self.select(self.cursor + step)

    def action_page(self, direction: int) -> None:
        self.select(self.cursor + direction * max(1, self.size.height))

    def select(self, place: int) -> None:
        """Move the cursor, and repaint the two lines that changed."""
        if not self.count:
            return
        before, self.cursor = self.cursor, max(0, min(place, self.count - 1))
        if self.keep_in_sight():
            self.refresh()
            return
        top, width = round(self.scroll_y), self.size.width
        self.refresh(*(Region(0, at - top, width, 1) for at in {before, self.cursor}))

    def keep_in_sight(self) -> bool:
        """Scroll to the cursor; whether that was necessary."""
        top, height = round(self.scroll_y), max(1, self.size.height)
        if top <= self.cursor < top + height:
            return False
        y = self.cursor if self.cursor < top else self.cursor - height + 1
        self.scroll_to(y=y, animate=False, immediate=True, force=True)
        return True

    def on_resize(self, _: events.Resize) -> None:
        self.keep_in_sight()

    def on_click(self, click: events.Click) -> None:
        place = round(self.scroll_y) + click.y
        if place < self.count:
            self.select(place)
            if click.chain == 2:
                self.post_message(self.Opened())
