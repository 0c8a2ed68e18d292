"""The list of events: repaints a line only if it would look different."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from checker.rows.event_lines import BEGIN
from reversi_tui.rows.event_text import STATUS_OF, cells
from reversi_tui.rows.event_window import Window
from reversi_tui.rows.uptime import in_ascii
from reversi_tui.widgets.cursor_keys import HalfPages, cursor_keys
from reversi_tui.widgets.looks import Looks

Look = tuple[tuple[str, str, str], bool]
"""The three parts of a line, and whether the cursor is on it."""
WHEEL = 3


class EventList(Widget, HalfPages, can_focus=True):
    """The cursor stays on its event, whatever comes; at the end of the log it follows."""

    DEFAULT_CSS = """
    EventList { height: 1fr; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *cursor_keys("event"),
    ]

    class Moved(Message):
        """The cursor moved."""

    class Opened(Message):
        """An event was double-clicked."""

    def __init__(self, window: Window, looks: Looks) -> None:
        super().__init__(id="events")
        self.window, self.looks = window, looks
        self.top = BEGIN
        """The mark of the first line in sight."""
        self.painted: dict[int, Look | None] = {}

    @property
    def first(self) -> int:
        """The place of the first event in sight: near the one that was first before, with the
        cursor in sight.
        """
        window, height = self.window, max(1, self.size.height)
        count, place = len(window.marks), window.place
        if window.follows or not count:
            return max(0, count - height)
        first = min(window.place_of(self.top), max(0, count - height))
        return max(min(first, place), place - height + 1, 0)

    def look(self, line: int, first: int) -> Look | None:
        place = first + line
        window = self.window
        if place >= len(window.lines):
            return None
        return cells(window.lines[place], self.size.width, window.longest), place == window.place

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        look = self.look(y, self.first)
        self.painted[y] = look
        if look is None:
            return Strip.blank(width, self.rich_style)
        (before, kind, rest), under_cursor = look
        base = self.looks.cursor if under_cursor else self.looks.plain
        segments = [Segment(before, base), Segment(kind, self.kind_style(y) + base)]
        segments.append(Segment(in_ascii(rest) if self.looks.ascii_only else rest, base))
        return Strip(segments).adjust_cell_length(width, base).apply_style(self.rich_style)

    def kind_style(self, line: int) -> Style:
        status = STATUS_OF.get(self.window.lines[self.first + line][0].kind)
        return Style() if status is None else self.looks.status[status]

    def renew(self, change: Callable[[], None] | None = None) -> None:
        """Change the window, and repaint the lines that differ."""
        if self.window.marks:
            self.top = self.window.marks[self.first]
        if change:
            change()
        first = self.first
        lines = [
            y
            for y in range(self.size.height)
            if y not in self.painted or self.look(y, first) != self.painted[y]
        ]
        if lines:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in lines))

    def select(self, place: int) -> None:
        self.renew(lambda: self.window.select(place))
        self.post_message(self.Moved())

    def action_move(self, step: int) -> None:
        self.select(self.window.place + step)

    def action_page(self, direction: int) -> None:
        self.select(self.window.place + direction * max(1, self.size.height - 1))

    def on_mouse_scroll_up(self, _: events.MouseScrollUp) -> None:
        self.action_move(-WHEEL)

    def on_mouse_scroll_down(self, _: events.MouseScrollDown) -> None:
        self.action_move(WHEEL)

    def on_click(self, click: events.Click) -> None:
        place = self.first + click.y
        if place < len(self.window.lines):
            self.select(place)
            if click.chain == 2:
                self.post_message(self.Opened())

    def on_resize(self) -> None:
        self.painted.clear()
        self.refresh()
