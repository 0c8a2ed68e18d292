"""How many rows there are in each state, kept while rows change and time passes. Pure.

Only rows that changed, or whose last probe is now too old, are looked at again: to count 5,000 rows
twice a second would cost more than all else.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping

from checker.model import Status
from checker.rows.row import STALE, Key, Moment, Row


class Tally:
    """The rows' words (`Moment.word`), and who is unregistered or muted."""

    def __init__(self, rows: Mapping[Key, Row]) -> None:
        """`rows` are all rows by key, as the caller changes them."""
        self.rows = rows
        self.words: dict[Key, str] = {}
        self.counts: Counter[str] = Counter()
        self.unregistered: set[Key] = set()
        self.muted: set[Key] = set()
        self.turns: list[tuple[float, Key]] = []
        """When to look at a row again, the next one first."""
        self.turned: set[Key] = set()
        """Rows that time alone changed, until the caller takes them."""
        self.looked: Moment | None = None

    def take(self, changed: Iterable[Key], gone: Iterable[Key], moment: Moment) -> None:
        """Count rows that changed, and no longer those that are gone."""
        self.looked = self.looked or moment
        for key in gone:
            self.forget(key)
        for key in changed:
            self.count(key, moment)

    def look(self, moment: Moment) -> None:
        """Count again what is stale by now; all rows, if the clock went back or the sweep has
        another interval.
        """
        before, self.looked = self.looked, moment
        if before is None or moment.every_s != before.every_s or moment.now < before.now:
            self.turns.clear()
            for key in self.rows:
                self.count_again(key, moment)
        while self.turns and self.turns[0][0] < moment.now:
            _, key = heapq.heappop(self.turns)
            if key in self.rows:
                self.count_again(key, moment)

    def count_again(self, key: Key, moment: Moment) -> None:
        before = self.words.get(key)
        self.count(key, moment)
        if self.words[key] != before:
            self.turned.add(key)

    def take_turned(self) -> set[Key]:
        """Keys of the rows that time alone changed since the last call."""
        turned, self.turned = self.turned & self.rows.keys(), set()
        return turned

    def count(self, key: Key, moment: Moment) -> None:
        row = self.rows[key]
        self.set_word(key, moment.word(row))
        if row.unregistered is not (key in self.unregistered):
            self.unregistered ^= {key}
        if (row.mute is not None) is not (key in self.muted):
            self.muted ^= {key}
        at = moment.turns_at(row)
        if at is not None:
            heapq.heappush(self.turns, (at, key))

    def set_word(self, key: Key, word: str | None) -> None:
        before = self.words.get(key)
        if before == word:
            return
        if before is not None:
            del self.words[key]
            self.counts[before] -= 1
        if word is not None:
            self.words[key] = word
            self.counts[word] += 1

    def forget(self, key: Key) -> None:
        self.set_word(key, None)
        self.unregistered.discard(key)
        self.muted.discard(key)

    @property
    def stale(self) -> int:
        return self.counts[STALE]

    def statuses(self) -> dict[Status, int]:
        """The number of rows by status, worst first, without stale and shut ones."""
        return {status: self.counts[status] for status in Status if self.counts[status]}

    def shut(self) -> dict[str, int]:
        """The number of rows that are out on purpose, by reason."""
        others = {word: count for word, count in self.counts.items() if word not in NOT_SHUT}
        return {word: count for word, count in sorted(others.items()) if count}


NOT_SHUT = frozenset({STALE, *(status.value for status in Status)})
