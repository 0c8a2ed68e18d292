"""A screen above the table, which it dims."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.console import RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen

from reversi_tui.screens.steady import Steady
from reversi_tui.widgets.frame import LOW, Frame

T = TypeVar("T")


class Modal(ModalScreen[T], Steady[T]):
    """A theme with its own background fades the colours of what is below, others use dim text.

    `ModalScreen` stands first: Textual takes the style sheets of the first base only.
    """

    VERTICAL_BREAKPOINTS = [(0, "-low"), (LOW, "-high")]  # noqa: RUF012 - Textual's own has no type

    def render(self) -> RenderableType:
        below = super().render()
        if isinstance(below, BackgroundScreen) and not self.app.has_class("-painted"):
            return DimScreen(below.screen, below.color)
        return below

    def name_frame(self, text: Text | str) -> None:
        """Show the title in the frame's edge."""
        self.query_one(Frame).name_it(text)


class DimScreen(BackgroundScreen):
    """What is below, in dim text only: the terminal's own colours cannot be mixed."""

    @classmethod
    def process_segments(cls, segments: Iterable[Segment], color: Color) -> Iterable[Segment]:
        for text, style, control in super().process_segments(segments, color):
            yield Segment(text, style and faded(style), control)


def faded(style: Style) -> Style:
    """Dim; reverse and underlined if it was, but neither coloured nor bold."""
    return Style(dim=True, reverse=style.reverse, underline=style.underline)
