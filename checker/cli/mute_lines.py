"""What `mute`, `unmute` and `mutes` print, and which mutes a word names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from checker.model import InvalidValue, Mute, Selector, mute_json
from checker.nearest import did_you_mean
from checker.output import age, clock

HEADINGS = ("WHAT", "UNTIL", "LEFT", "FORWARDS", "BY", "WHY")


class NotMuted(InvalidValue):
    """A word or a filter that names no mute."""

    def __init__(self, word: str, known: Iterable[str]) -> None:
        super().__init__(
            f"nothing is muted as {word!r}{did_you_mean(word, known) or ';'}"
            " see: reversi-checker mutes"
        )


def selectors_named(word: str, mutes: Sequence[Mute]) -> list[Selector]:
    """The selectors that NODE (with its ports), NODE:PORT or PORT names. Raises NotMuted."""
    found = [
        one.selector
        for one in mutes
        if one.selector.node is not None
        and word in (one.selector.node, str(one.selector), str(one.selector.port))
    ]
    if not found:
        raise NotMuted(word, (str(one.selector) for one in mutes if one.selector.node))
    return found


def selectors_with_filter(text: str, mutes: Sequence[Mute]) -> list[Selector]:
    """The selector with this filter. Raises NotMuted."""
    found = [one.selector for one in mutes if one.selector.filter_text == text]
    if not found:
        raise NotMuted(text, filter(None, (one.selector.filter_text for one in mutes)))
    return found


def muted_line(mute: Mute, before: Mute | None, count: int) -> str:
    """What a new mute does; `before` is the one that it replaces, `count` how many forwards it
    silences now.
    """
    replaced = f" (before: until {clock(before.until)})" if before else ""
    matches = (
        f"; it matches {count} forward{'' if count == 1 else 's'} now, and counts for those that"
        " match later"
        if mute.selector.node is None
        else ""
    )
    return f"{mute.selector}: no alerts until {clock(mute.until)}{replaced}{matches}"


def mute_rows(mutes: Sequence[Mute], counts: Sequence[int], now: float) -> list[tuple[str, ...]]:
    """Headings, and a line for each mute."""
    lines = [
        (
            str(one.selector),
            clock(one.until),
            age(now, one.until),
            str(count),
            one.by,
            one.why,
        )
        for one, count in zip(mutes, counts, strict=True)
    ]
    return [HEADINGS, *lines]


def listed_json(mute: Mute, count: int) -> dict[str, Any]:
    """The documented shape of a mute, with how many forwards it silences now."""
    return {**mute_json(mute), "forwards": count}
