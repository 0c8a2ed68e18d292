"""Screens that are laid out once for each size."""

from __future__ import annotations

from typing import TypeVar

from textual.geometry import Size
from textual.screen import Screen

T = TypeVar("T")


class Steady(Screen[T]):
    """When a screen opens, Textual lays it and the screens behind it out again for the size that
    they have, and paints them; this one does not.

    It overrides a private part of Textual 8.2; tests/reversi_tui/test_textual.py fails if that
    changes. Source: textual/screen.py, Screen._on_resize.
    """

    def _screen_resized(self, size: Size) -> None:
        if not size == self._compositor.size == self.outer_size:
            super()._screen_resized(size)
