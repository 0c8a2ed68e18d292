"""How many rows there are in each state, kept while rows change and time passes. Pure.

Only rows that changed, or whose last probe is now too old, are looked at again: to count 5,000 rows
twice a second would cost more than all else.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

from checker.model import Status
from checker.rows.row import STALE, Key, Moment, Row

Turn = tuple[float, Key]
"""When to look at a row again."""
Note = Callable[[list[Turn], Turn], None]


class Tally:
    """The rows' words (`Moment.word`), and who is unregistered or muted."""

    def __init__(self, rows: Mapping[Key, Row]) -> None:
        """`rows` are all rows by key, as the caller changes them."""
        self.rows = rows
        self.words: dict[Key, str] = {}
        self.counts: Counter[str] = Counter()
        self.unregistered: set[Key] = set()
        self.muted: set[Key] = set()
        self.turns: list[Turn] = []
        """When to look at a row again, the next one first."""
        self.due: dict[Key, float] = {}
        """The time of each row's entry in `turns`; an entry with another time is void."""
        self.turned: set[Key] = set()
        """Rows that were counted again because of the time; for those who keep their own account,
        and empty it.
        """
        self.unjudged: set[Key] = set()
        """The same, until the view has taken them."""
        self.looked: Moment | None = None

    def take(self, changed: Collection[Key], gone: Iterable[Key], moment: Moment) -> None:
        """Count rows that changed, and no longer those that are gone."""
        self.looked = self.looked or moment
        for key in gone:
            self.forget(key)
        self.count_all(changed, moment)

    def look(self, moment: Moment) -> None:
        """Count again what is stale by now; all rows, if the clock went back or the sweep has
        another interval.
        """
        before, self.looked = self.looked, moment
        if before is None or moment.every_s != before.every_s or moment.now < before.now:
            self.turns.clear()
            self.due.clear()
            self.turned.update(self.rows)
            self.unjudged.update(self.rows)
            self.count_all(self.rows, moment)
        while self.turns and self.turns[0][0] < moment.now:
            at, key = heapq.heappop(self.turns)
            if self.due.get(key) == at:
                del self.due[key]
                self.turned.add(key)
                self.unjudged.add(key)
                self.count(key, moment)

    def take_unjudged(self) -> set[Key]:
        """Rows that the time may have changed since the last call."""
        found, self.unjudged = self.unjudged & self.rows.keys(), set()
        return found

    def unmoved_by_probe(self, probed: Iterable[Key]) -> frozenset[Key]:
        """Those of the rows that count as before, though they were probed again: the time to look
        at them is noted, and the probe has only put it off.
        """
        words, due = self.words, self.due
        return frozenset(key for key in probed if key in due and words.get(key) != STALE)

    def count_all(self, keys: Collection[Key], moment: Moment) -> None:
        """Count these rows; as many as there are noted already are put in order only at the end."""
        if len(keys) <= len(self.turns):
            for key in keys:
                self.count(key, moment)
            return
        for key in keys:
            self.count(key, moment, note=list.append)
        heapq.heapify(self.turns)

    def count(self, key: Key, moment: Moment, note: Note = heapq.heappush) -> None:
        row = self.rows[key]
        self.set_word(key, moment.word(row))
        if row.unregistered is not (key in self.unregistered):
            self.unregistered ^= {key}
        if (row.mute is not None) is not (key in self.muted):
            self.muted ^= {key}
        at = moment.turns_at(row)
        # one entry a row: a probe puts its time off, and the entry then finds nothing changed
        if at is not None and at < self.due.get(key, math.inf):
            self.due[key] = at
            note(self.turns, (at, key))

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
        self.due.pop(key, None)
        self.turned.discard(key)
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
