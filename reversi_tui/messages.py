"""Messages between the parts of the console."""

from __future__ import annotations

from textual.message import Message

from checker.rows.row import Key
from reversi_tui.rows.report import Past, Report


class Reported(Message):
    """The reader found changes."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


class Acted(Message):
    """An action on some rows ended; the sentence says how, if it is not empty."""

    def __init__(self, keys: tuple[Key, ...], sentence: str, *, is_quiet: bool = False) -> None:
        """`is_quiet`: one of many, only for the log."""
        super().__init__()
        self.keys, self.sentence, self.is_quiet = keys, sentence, is_quiet


class PastRead(Message):
    """What happened to a row, or a sentence that says why it cannot be read."""

    def __init__(self, key: Key, past: Past | str) -> None:
        super().__init__()
        self.key, self.past = key, past


class Dressed(Message):
    """The theme changed."""


class Typed(Message):
    """The text of a bar at the bottom changed; `final`: the bar closes."""

    def __init__(self, bar: str, text: str, *, final: bool, kept: bool = True) -> None:
        """`bar` is the id of the bar; `kept` is false if the operator pressed escape."""
        super().__init__()
        self.bar, self.text, self.final, self.kept = bar, text, final, kept
