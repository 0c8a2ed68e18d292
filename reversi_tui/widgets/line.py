"""Lines of text that are repainted only when their text changes."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget
from textual.widgets import Static

from reversi_tui.rows.uptime import in_ascii


def drawn(widget: Widget, text: Text) -> Text:
    """The text as the terminal can draw it."""
    return (
        Text(in_ascii(text.plain), style=text.style, spans=text.spans)
        if widget.app.has_class("-ascii")
        else text
    )


def is_same(one: Text, other: Text) -> bool:
    """Whether both look the same."""
    return one == other and one.spans == other.spans and one.style == other.style


class Line(Static):
    """One line, cut at the terminal's edge. Markup in its text has no effect."""

    DEFAULT_CSS = """
    Line { height: 1; width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__("", id=id, markup=False)
        self.shown = Text()

    def show(self, text: Text) -> None:
        if not is_same(text, self.shown):
            self.shown = text
            self.update(drawn(self, text), layout=False)


class Banner(Static):
    """A sentence or two, as high as needed; hidden if empty."""

    DEFAULT_CSS = """
    Banner { height: auto; max-height: 4; width: 1fr; display: none; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__("", id=id, markup=False)
        self.shown = ""

    def show(self, sentence: str) -> None:
        if sentence != self.shown:
            self.shown = sentence
            self.update(drawn(self, Text(sentence)))
            self.display = bool(sentence)
