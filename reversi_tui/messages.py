"""What the parts of the console tell each other."""

from __future__ import annotations

from textual.message import Message

from checker.model import Event
from reversi_tui.rows import Key, Report


class Reported(Message):
    """The reader found changes."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


class Acted(Message):
    """An action on a row ended."""

    def __init__(self, key: Key, sentence: str) -> None:
        super().__init__()
        self.key, self.sentence = key, sentence


class EventsRead(Message):
    """The last events of a row's node; a sentence where they can not be read."""

    def __init__(self, key: Key, events: tuple[Event, ...] | str) -> None:
        super().__init__()
        self.key, self.events = key, events


class Filtered(Message):
    """The filter's text is another; `final` once it is kept or cleared."""

    def __init__(self, text: str, *, final: bool) -> None:
        super().__init__()
        self.text, self.final = text, final
