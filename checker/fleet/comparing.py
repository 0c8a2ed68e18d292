"""What an agent posts in the bucket, and what it takes from there: one rule. Pure.

Two gateways with another content at the same revision must not overwrite each other for ever. So
there is one order for all: the higher revision counts, then what lets nobody in, then the higher
digest. The bucket gets the highest; root's `apply` decides what that means on each gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from checker.registry.bucket_values import Key

AGAIN_AFTER_S = 10.0
"""Before the same text is posted again, if somebody took it away; then twice as long each time."""
AGAIN_AT_MOST_S = 3600.0
AGAIN_S = (0.0, 0.2, 0.6, 1.5, 4.0)
"""After a notice."""
FORGERIES_SHOWN = 20
"""In an hour: they are handed to root, who logs them and takes none."""


class Held(NamedTuple):
    """An entry or a card, as far as its place in the order depends on it."""

    rev: int
    digest: str
    """Of its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How bucket and disk differ."""

    post: tuple[Key, ...] = ()
    take: tuple[Key, ...] = ()


Bars = Callable[[Key, Held], bool]
"""Says whether a text lets nobody in; it must be read for that."""


def difference(
    disk: Mapping[Key, Held],
    bucket: Mapping[Key, Held],
    forged: Collection[tuple[Key, Held]],
    bars: Bars,
) -> Difference:
    """Compare. `forged`: what nobody signed who may; it counts as if it were not there."""
    wrong = {key for key, one in forged if bucket.get(key) == one}
    other = {key for key, one in disk.items() if bucket.get(key) != one}
    other |= bucket.keys() - disk.keys()
    post, take = [], []
    for key in sorted(other | wrong):
        ours, theirs = disk.get(key), None if key in wrong else bucket.get(key)
        if ours == theirs:
            continue
        if theirs is None or (ours is not None and is_higher(key, ours, theirs, bars)):
            post.append(key)
        else:
            take.append(key)
    return Difference(post=tuple(post), take=tuple(take))


def is_higher(key: Key, one: Held, other: Held, bars: Bars) -> bool:
    if one.rev != other.rev:
        return one.rev > other.rev
    barring = bars(key, one), bars(key, other)
    return barring[0] if barring[0] != barring[1] else one.digest > other.digest


@dataclass(slots=True)
class Rumour:
    """When to look again after a notice that somebody wrote into the bucket: the notice may come
    before the bucket has it. Times are monotonic.
    """

    due: list[float] = field(default_factory=list)

    def heard(self, now: float) -> None:
        """Note a notice."""
        self.due = [now + pause for pause in AGAIN_S]

    def is_due(self, now: float) -> bool:
        """Return whether to look again now, and forget that then."""
        left = [at for at in self.due if at > now]
        found, self.due = len(left) < len(self.due), left
        return found


@dataclass(slots=True, kw_only=True)
class Patience:
    """When each text may be done again: two agents that do not believe the same signers, or a rogue
    who wipes, must not keep all of us busy.
    """

    due: dict[tuple[Key, Held], tuple[float, float]] = field(default_factory=dict)
    """When, and the pause after that."""

    def allows(self, key: Key, one: Held, now: float) -> bool:
        return now >= self.due.get((key, one), (0.0, 0.0))[0]

    def forget(self, keys: Iterable[Key]) -> None:
        """Forget that these were done: something else changed that was in their way."""
        known = set(keys)
        self.due = {key: due for key, due in self.due.items() if key[0] not in known}

    def note(self, key: Key, one: Held, now: float) -> None:
        """Note that it was done."""
        pause = self.due.get((key, one), (0.0, AGAIN_AFTER_S))[1]
        self.due[key, one] = now + pause, min(2 * pause, AGAIN_AT_MOST_S)
