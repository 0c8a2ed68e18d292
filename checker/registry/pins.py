"""Which host keys were handed to a node's device, as `nodes/NAME.pins` says it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from checker.model import fingerprint

HEAD = (
    "# The host keys in the files that were made for this node's device: when, the node's key in"
    " them (- if none), host keys. reversi-checker keeps it.\n"
)
NO_KEY = "-"
TO_COME = "next"
"""Stands before the keys that the gateway does not have yet."""
MOST = 8
"""Most lines to keep."""
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """The host keys in one set of files for a device."""

    at: int
    """When they were made, in Unix seconds."""
    node_key: str = ""
    """The fingerprint of the node's key in them; empty if they have none."""
    host_keys: tuple[str, ...]
    """`TYPE FINGERPRINT` each."""
    to_come: tuple[str, ...] = ()
    """Those that the gateway will have later."""

    @property
    def all_keys(self) -> tuple[str, ...]:
        return (*self.host_keys, *self.to_come)


def pins_text(pins: Iterable[Pins]) -> bytes:
    """Render the file, the oldest line first."""
    return (HEAD + "".join(f"{line_of(one)}\n" for one in pins)).encode()


def line_of(pins: Pins) -> str:
    at = datetime.fromtimestamp(pins.at, UTC).strftime(TIME)
    later = (TO_COME, *pins.to_come) if pins.to_come else ()
    return " ".join((at, pins.node_key or NO_KEY, *pins.host_keys, *later))


def parse_pins(text: str) -> Iterator[Pins]:
    """Yield what each line says; a line that we did not write is left out."""
    for line in text.splitlines():
        at, *words = line.split() or [""]
        try:
            seconds = int(datetime.fromisoformat(at).timestamp())
        except ValueError:
            continue
        now, _, later = " ".join(words[1:]).partition(f" {TO_COME} ")
        if words:
            yield Pins(
                at=seconds,
                node_key="" if words[0] == NO_KEY else words[0],
                host_keys=pairs(now),
                to_come=pairs(later),
            )


def pairs(text: str) -> tuple[str, ...]:
    """Join each type with the fingerprint after it."""
    words = text.split()
    return tuple(" ".join(pair) for pair in zip(words[::2], words[1::2], strict=False))


def in_use(pins: Iterable[Pins], node_keys: Sequence[str]) -> tuple[Pins, ...]:
    """Leave out files with a key that the node no longer has: it opens nothing."""
    known = {"", *map(fingerprint, node_keys)}
    return tuple(one for one in pins if one.node_key in known)


def with_newest(pins: Sequence[Pins], newest: Pins) -> tuple[Pins, ...]:
    """Append what was just handed out, unless the last line says the same; drop an earlier line
    that does.
    """
    if pins and says(pins[-1]) == says(newest):
        return tuple(pins)
    others = [one for one in pins if says(one) != says(newest)]
    return (*others, newest)[-MOST:]


def says(pins: Pins) -> tuple[object, ...]:
    return pins.node_key, pins.host_keys, pins.to_come
