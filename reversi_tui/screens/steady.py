"""Screens that are laid out once for each size, and painted once they are whole."""

from __future__ import annotations

from typing import TypeVar

from textual.geometry import Size
from textual.screen import Screen

T = TypeVar("T")


class Steady(Screen[T]):
    """When a screen opens, Textual lays it and the screens behind it out again for the size that
    they have, and paints it before its parts are mounted, and up to three times after that; this
    one does neither.

    It overrides private parts of Textual 8.2; tests/reversi_tui/test_textual.py fails if they
    change. Source: textual/screen.py, Screen._on_resize, _on_screen_resume and _on_timer_update.
    """

    is_due = False
    """Whether the first paint was asked for."""
    is_painted = False

    def _screen_resized(self, size: Size) -> None:
        if not size == self._compositor.size == self.outer_size:
            super()._screen_resized(size)

    def on_screen_suspend(self) -> None:
        # the screen above paints all of this one, and Textual would have it paint that twice
        self._repaint_required = False
        self._exchange_repaint_regions()

    def _compositor_refresh(self) -> None:
        top = self.app.screen
        if self is not top:
            regions = self._compositor._dirty_regions  # noqa: SLF001 - Textual's screen uses it too
            if self.is_current and regions:
                top.refresh(*regions)
            regions.clear()
        elif self.is_painted:
            super()._compositor_refresh()
        elif not self.is_due:
            self.is_due = True
            # the app waits now until the parts are mounted
            self.app.call_later(self.paint_first)

    def paint_first(self) -> None:
        """Paint all parts now, whichever of them ask for it, so that none asks later."""
        self.is_painted = True
        self._dirty_widgets.update(self._compositor.visible_widgets)
        self._on_timer_update()

    def _on_timer_update(self) -> None:
        if self._repaint_required:
            # Textual would forget which parts wait to be painted, also if the screen asks for a few
            # regions only, and would paint all of it a second time after a layout
            self._dirty_widgets.add(self)
            self._repaint_required = False
        super()._on_timer_update()
