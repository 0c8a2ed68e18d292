"""Mutes: for whom no alert is sent, until when, and why. Pure.

A mute stops alerts only. Probes, kills, resets and the log go on as before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from checker.model.errors import InvalidValue
from checker.model.instant import parse_until
from checker.model.node import NAME_PATTERN, PORTS, NodeName, Port

SCHEMA = 1
LEAST_S, MOST_S = 60, 90 * 86400
MOST_WHY = 200
MOST_FILTER = 400
LATE_S = 86400
LAST_INSTANT = 2.0**33
MOST_BYTES = 1 << 22
"""The file never grows beyond this size: 10,000 mutes with long reasons take 4 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """What a mute is about: a node, one of its ports, or a filter."""

    node: NodeName | None = None
    """None: the filter decides."""
    port: Port | None = None
    """None: the node with all of its forwards."""
    filter_text: str = ""
    """Empty: a node is named."""

    def __str__(self) -> str:
        if self.node is None:
            return f"filter {self.filter_text!r}"
        return f"{self.node}:{self.port}" if self.port else self.node


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """No alerts about what the selector names, until a time."""

    selector: Selector
    until: float
    """Unix seconds; from then on it does not count."""
    why: str
    by: str
    """The operator who made it."""
    at: float
    """When it was made, Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteChange:
    """What an operator changes about the mutes."""

    add: tuple[Mute, ...] = ()
    """A mute with the same selector is replaced."""
    remove: tuple[Selector, ...] = ()


Matches = Callable[[str], bool]
"""Whether the filter with this text lets a forward through."""


def is_in_force(mute: Mute, now: float) -> bool:
    """Whether it counts at this time. One that would last much longer than any may was not made by
    us, or while the clock was wrong: it would silence everything for years.
    """
    return now < mute.until <= now + MOST_S + LATE_S


class Mutes:
    """The mutes that are in force at a time, made ready to look up thousands of forwards."""

    def __init__(self, mutes: Iterable[Mute], now: float) -> None:
        self.in_force = tuple(mute for mute in mutes if is_in_force(mute, now))
        self.by_place: dict[tuple[NodeName, Port | None], Mute] = {}
        self.filters: list[Mute] = []
        # the one that lasts longest comes first
        for mute in sorted(self.in_force, key=lambda mute: -mute.until):
            if mute.selector.node is None:
                self.filters.append(mute)
            else:
                self.by_place.setdefault((mute.selector.node, mute.selector.port), mute)

    def __bool__(self) -> bool:
        return bool(self.in_force)

    def muting(self, node: NodeName, port: Port, matches: Matches) -> Mute | None:
        """The mute that silences this forward, of several the one that lasts longest; None if none
        does. `matches` is asked only if a filter is muted.
        """
        found = [
            mute for place in ((node, None), (node, port)) if (mute := self.by_place.get(place))
        ]
        found += [mute for mute in self.filters if matches(mute.selector.filter_text)]
        return max(found, key=lambda mute: mute.until, default=None)


def parse_why(text: str) -> str:
    """The reason of a mute: one line. Raises InvalidValue."""
    text = text.strip()
    if not text or len(text) > MOST_WHY or not text.isprintable():
        raise InvalidValue(
            f"the reason of a mute must be one line of 1 to {MOST_WHY} printable characters"
        )
    return text


def parse_mute_end(text: str, now: float) -> float:
    """When a mute ends, from `2h` or a time. Raises InvalidValue."""
    until = parse_until(text, now, "the end of a mute")
    if not LEAST_S <= until - now <= MOST_S:
        longer = "; for longer, disable the node: reversi-checker node disable NAME"
        raise InvalidValue(
            f"a mute lasts from 1m to {MOST_S // 86400}d, so it cannot end at {text[:40]!r}"
            f"{longer if until - now > MOST_S else ''}"
        )
    return until


def changed_mutes(before: Iterable[Mute], change: MuteChange, now: float) -> tuple[Mute, ...]:
    """The mutes after this change, without those that ended."""
    gone = {*change.remove, *(mute.selector for mute in change.add)}
    kept = (mute for mute in before if mute.until > now and mute.selector not in gone)
    return (*kept, *change.add)


def selector_json(selector: Selector) -> dict[str, Any]:
    """The documented shape; `filter` is empty if a node is named."""
    return {"node": selector.node, "port": selector.port, "filter": selector.filter_text}


def selector_from(table: Any) -> Selector:
    """The inverse of selector_json. Raises ValueError, KeyError, TypeError."""
    node, port, filter_text = table["node"], table.get("port"), table.get("filter", "")
    if node is None:
        return Selector(filter_text=line(filter_text, MOST_FILTER))
    if filter_text or not NAME_PATTERN.match(node):
        raise ValueError(node)
    if port is not None and int(port) not in PORTS:
        raise ValueError(port)
    return Selector(node=NodeName(node), port=None if port is None else Port(int(port)))


def mute_json(mute: Mute) -> dict[str, Any]:
    """The documented shape of a mute, in the file and for scripts; times are Unix seconds."""
    return {
        **selector_json(mute.selector),
        "until": mute.until,
        "why": mute.why,
        "by": mute.by,
        "at": mute.at,
    }


def mute_from(table: Any) -> Mute:
    """The inverse of mute_json. Raises ValueError, KeyError, TypeError, OverflowError."""
    return Mute(
        selector=selector_from(table),
        until=unix_seconds(table["until"]),
        why=line(table["why"], MOST_WHY),
        by=line(table["by"], 80),
        at=unix_seconds(table["at"]),
    )


def change_json(change: MuteChange) -> dict[str, Any]:
    """A change as it is sent to the daemon."""
    return {
        "add": [mute_json(mute) for mute in change.add],
        "remove": [selector_json(selector) for selector in change.remove],
    }


def change_from(table: Any) -> MuteChange:
    """The inverse of change_json. Raises ValueError, KeyError, TypeError, OverflowError."""
    return MuteChange(
        add=tuple(map(mute_from, table["add"])),
        remove=tuple(map(selector_from, table["remove"])),
    )


def line(text: Any, most: int) -> str:
    """A text that may be shown. Raises ValueError, TypeError."""
    if not isinstance(text, str):
        raise TypeError(text)
    if not 0 < len(text) <= most or not text.isprintable():
        raise ValueError(text)
    return text


def unix_seconds(value: Any) -> float:
    """Raises ValueError, TypeError, OverflowError."""
    if 0 <= float(value) <= LAST_INSTANT:
        return float(value)
    raise ValueError(value)


def mutes_text(mutes: Iterable[Mute]) -> str:
    """The file with these mutes, one a line, so that it can be read and edited by hand."""
    lines = ",\n".join(json.dumps(mute_json(mute)) for mute in mutes)
    return f'{{"schema": {SCHEMA}, "mutes": [\n{lines}\n]}}\n'


def mutes_in(text: str) -> tuple[Mute, ...]:
    """The mutes of a file; an empty one has none. Raises InvalidValue with a clause that says what
    is wrong: nothing is muted by a file that is not valid as a whole.
    """
    if not text.strip():
        return ()
    try:
        document = json.loads(text)
        return tuple(map(mute_from, document["mutes"]))
    except (
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        RecursionError,
        AttributeError,
    ) as error:
        raise InvalidValue(f"it is not a list of mutes as we write it: {error!r}"[:200]) from error
