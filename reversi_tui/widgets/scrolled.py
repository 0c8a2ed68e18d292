"""What scrolls by Textual's Line API: its scroll bar is drawn only if a size changed."""

from __future__ import annotations

from textual.geometry import Size
from textual.scroll_view import ScrollView


class Scrolled(ScrollView):
    """It overrides a private part of Textual 8.2; tests/reversi_tui/test_textual.py fails if that
    changes.
    """

    bar_fits: tuple[Size, Size] | None = None
    """The sizes that the scroll bar was last drawn for: all lines, and those in sight."""

    def hold(self, lines: int) -> None:
        """Have so many lines from now on."""
        size = Size(1, lines)
        # a plain assignment would lay out the whole screen again
        self.set_reactive(Scrolled.virtual_size, size)
        self._scroll_update(size)

    def _scroll_update(self, virtual_size: Size) -> None:
        """Update the scroll bar only if a size changed: Textual calls this with every layout, so
        with each typed letter, and would repaint the bar.
        """
        fits = (virtual_size, self.container_size)
        if fits != self.bar_fits:
            self.bar_fits = fits
            super()._scroll_update(virtual_size)
