"""The line of help below a filter that is being typed. Pure."""

from __future__ import annotations

from rich.text import Text

from reversi_tui.rows.completion import Cycle, at_hand
from reversi_tui.rows.cutting import cut_end
from reversi_tui.rows.filter_help import explained
from reversi_tui.rows.typed_word import word_at
from reversi_tui.rows.vocabulary import EventVocabulary, Vocabulary

KEY, GAP = "tab ", "   "
LEAST = 16
"""Cells for the choices: fewer say nothing."""


def hint(text: str, cursor: int, vocabulary: Vocabulary, cycle: Cycle | None, width: int) -> Text:
    """What the word at the cursor shows, and what tab makes of it."""
    said = explained(word_at(text, cursor), of_events=isinstance(vocabulary, EventVocabulary))
    found, at = (cycle.choices, cycle.at) if cycle else (at_hand(text, cursor, vocabulary), -1)
    names = [one.partition(":")[2] or one for one in found]
    room = width - len(GAP) - len(KEY) - len(said)
    first = max(at, 0)
    shown = window(names, first, room) or (window(names, first, LEAST) if cycle else None)
    if not shown:
        return Text(cut_end(said, width) if len(said) > width else said)
    first, last = shown
    most = width - len(GAP) - len(KEY) - sum(len(name) + 1 for name in names[first:last])
    line = Text(cut_end(said, most) if len(said) > most else said)
    line.append(GAP).append(KEY, style="bold")
    for place in range(first, last):
        line.append(names[place], style="reverse" if place == at else "").append(" ")
    line.rstrip()
    return line


def window(names: list[str], at: int, room: int) -> tuple[int, int] | None:
    """The choices that fit, from the present one on; None if not even that fits."""
    last, used = at, 0
    while last < len(names) and used + len(names[last]) + 1 <= room:
        used += len(names[last]) + 1
        last += 1
    return (at, last) if last > at else None
