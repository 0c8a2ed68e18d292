"""Turns a letter typed twice into one key, as `g` `g` into `gg`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reversi_tui.settings.presets import CHORD

CANCEL = "escape"


class Chords:
    """Waits for the second letter as long as it takes; another key gives the first one up."""

    def __init__(self, keys: Iterable[str]) -> None:
        """`keys` are all keys that something is bound to."""
        self.known = frozenset(key for key in keys if CHORD.fullmatch(key))
        self.waiting = ""
        """The letter that was typed; empty: none."""

    def took(self, key: str, is_bound: Callable[[str], bool]) -> str:
        """The key that was typed with this one; empty: nothing yet, or nothing any more.
        `is_bound` says whether a chord does something at the moment.
        """
        before, self.waiting = self.waiting, ""
        if before and before == key:
            return before + key
        if before and key == CANCEL:
            return ""
        if key + key in self.known and is_bound(key + key):
            self.waiting = key
            return ""
        return key

    def forget(self) -> None:
        """Give the first letter up."""
        self.waiting = ""
