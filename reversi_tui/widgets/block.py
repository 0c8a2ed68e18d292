"""Lines of text that are written only as far as they differ from those before."""

from __future__ import annotations

from itertools import zip_longest

from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from reversi_tui.widgets.line import drawn, is_same

BLANK = (" ", "")


class Block(Widget):
    """As many lines as fit; markup in its text has no effect."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.text = Text()
        self.lines: list[Text] = []

    def show(self, text: Text) -> None:
        """Show this text; repaint what differs from the one before."""
        if is_same(text, self.text):
            return
        before, self.text = self.lines, text
        self.lines = list(drawn(self, text).split("\n", allow_blank=True))
        regions = [
            Region(0, y, width, 1)
            for y, (old, new) in enumerate(zip_longest(before, self.lines, fillvalue=Text()))
            if (width := differing(old, new))
        ]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        width, style = self.size.width, self.rich_style
        if y >= len(self.lines):
            return Strip.blank(width, style)
        strip = Strip(self.lines[y].render(self.app.console))
        return strip.adjust_cell_length(width).apply_style(style).simplify()


def differing(old: Text, new: Text) -> int:
    """The length of the part from the begin of a line to the last cell that differs: Textual writes
    what comes before it all the same.
    """
    pairs = list(zip_longest(cells(old), cells(new), fillvalue=BLANK))
    return max((x for x, (before, after) in enumerate(pairs, 1) if before != after), default=0)


def cells(line: Text) -> list[tuple[str, str]]:
    """Each cell's character and styles; each character takes one cell."""
    styles = [str(line.style)] * len(line.plain)
    for span in line.spans:
        for x in range(span.start, min(span.end, len(styles))):
            styles[x] += f" {span.style}"
    return list(zip(line.plain, styles, strict=True))
