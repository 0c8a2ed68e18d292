"""What a gateway says about its state file: which items now, which later, and which on being asked.

Each message has the next number of the epoch. Whoever missed one asks for what it said since the
last that he has, and gets each item as it is now. Nothing here has effects; `now` comes in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from checker.fleet.items import (
    REGISTRATION,
    UNREGISTERED,
    Key,
    item_text,
    registration_key,
    registration_values,
    tunnel_key,
    tunnel_values,
    unregistered_key,
    unregistered_values,
)
from checker.model import Place, Registration, Tunnel, Unregistered

MOST_BYTES = 240 << 10
"""Of the items in one message, before they are packed."""
TOLD_EVERY_S = 1.0
AGES_EVERY_S = 90.0
"""Items that only aged are told no more often: 10,000 rows are 1 MB for two other gateways."""
MOST_GONE = 20_000
"""Items that are gone and remembered, for those who missed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One message: items as texts."""

    number: int
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of what it said."""

    upto: int
    """The number up to which the asker has everything now."""
    is_whole: bool
    """Whether it begins from nothing: what does not come on these pages is gone."""
    has_more: bool
    items: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Teller:
    """All items of a gateway, and what of them is still to be told."""

    epoch: str
    is_material: Callable[[Tunnel | None, Tunnel], bool]
    number: int = 0
    tunnels: dict[Place, Tunnel] = field(default_factory=dict)
    others: dict[str, dict[Key, list[Any]]] = field(default_factory=dict)
    """Registrations and devices that are not in the registry: the values of each, by kind."""
    told: dict[Key, tuple[int, str]] = field(default_factory=dict)
    """The number with which each item was told last, in the order of these, and its text."""
    waiting: dict[Key, str | None] = field(default_factory=dict)
    """What must be said next; None: it is gone."""
    aged: dict[Key, str] = field(default_factory=dict)
    """What only aged, and waits longer."""
    gone: deque[tuple[int, Key]] = field(default_factory=deque)
    """What it said to be gone, with the number of that."""
    forgotten_upto: int = 0
    """Up to which number that may be forgotten."""
    told_at: float = float("-inf")
    aged_at: float = float("-inf")

    def see_tunnels(self, changed: Iterable[Tunnel]) -> None:
        """Note tunnels that were written since the last look."""
        for one in changed:
            place = one.node, one.port
            key = tunnel_key(place)
            before, self.tunnels[place] = self.tunnels.get(place), one
            text = item_text(key, tunnel_values(one))
            if key in self.waiting or self.is_material(before, one):
                self.waiting[key] = text
                self.aged.pop(key, None)
            else:
                self.aged[key] = text

    def see_places(self, places: Iterable[Place]) -> None:
        """Note that only these tunnels are left."""
        for place in self.tunnels.keys() - set(places):
            del self.tunnels[place]
            self.lose(tunnel_key(place))

    def see_registrations(self, found: Iterable[Registration]) -> None:
        """Note the live connections."""
        values = {registration_key(one): registration_values(one) for one in found}
        self.see_others(REGISTRATION, values)

    def see_unregistered(self, found: Iterable[Unregistered]) -> None:
        """Note the devices that are not in the registry."""
        values = {unregistered_key(one): unregistered_values(one) for one in found}
        self.see_others(UNREGISTERED, values)

    def see_others(self, kind: str, values: Mapping[Key, list[Any]]) -> None:
        before = self.others.get(kind, {})
        for key, value in values.items():
            if before.get(key) != value:
                self.waiting[key] = item_text(key, value)
        for key in before.keys() - values.keys():
            self.lose(key)
        self.others[kind] = dict(values)

    def lose(self, key: Key) -> None:
        self.aged.pop(key, None)
        self.waiting[key] = None

    def counts(self) -> dict[str, int]:
        """Return how many tunnels have each status."""
        found: dict[str, int] = {}
        for one in self.tunnels.values():
            found[one.status.value] = found.get(one.status.value, 0) + 1
        return found

    def settle(self) -> None:
        """Number all that waits without telling it: in a new epoch everybody asks."""
        while self.next_message() is not None:
            pass

    def message(self, now: float) -> Told | None:
        """Return what to tell now; None: nothing, or it is too early. `now` must not jump."""
        if now - self.told_at < TOLD_EVERY_S:
            return None
        if now - self.aged_at >= AGES_EVERY_S:
            self.aged_at = now
            for key, text in self.aged.items():
                self.waiting.setdefault(key, text)
            self.aged.clear()
        told = self.next_message()
        if told is not None:
            self.told_at = now
        return told

    def next_message(self) -> Told | None:
        """Give the next number to as many items as fit into a message; None: nothing waits."""
        taken: list[str] = []
        size = 0
        while self.waiting:
            key, there = next(iter(self.waiting.items()))
            text = item_text(key, None) if there is None else there
            size += len(text) + 1
            if taken and size > MOST_BYTES:
                break
            if not taken:
                self.number += 1
            del self.waiting[key]
            self.told.pop(key, None)  # so that it comes last
            self.told[key] = self.number, text
            if there is None:
                self.gone.append((self.number, key))
            taken.append(text)
        self.forget_gone()
        return Told(number=self.number, items=tuple(taken)) if taken else None

    def forget_gone(self) -> None:
        """Forget what was lost long ago: who missed that begins again."""
        while len(self.gone) > MOST_GONE:
            number, key = self.gone.popleft()
            if self.told.get(key, (0, ""))[0] == number:
                del self.told[key]
            self.forgotten_upto = number

    def page(self, epoch: str, since: int, known: int) -> Page:
        """Return what it said after this number, or the first part of that. A page ends where a
        number ends, so whoever has it has everything up to that number. `known`: up to where the
        asker knows what is gone; 0: he begins from nothing.
        """
        is_whole = epoch != self.epoch or not self.forgotten_upto <= known <= self.number
        is_whole = is_whole or known == 0 or since > self.number
        since = 0 if is_whole else since
        items: list[str] = []
        size, upto = 0, since
        later = (one for one in self.told.values() if one[0] > since)
        for number, group in groupby(later, key=itemgetter(0)):
            texts = [text for _, text in group]
            more = sum(len(text) + 1 for text in texts)
            if items and size + more > MOST_BYTES:
                return Page(upto=upto, is_whole=is_whole, has_more=True, items=tuple(items))
            items += texts
            size, upto = size + more, number
        return Page(upto=self.number, is_whole=is_whole, has_more=False, items=tuple(items))
