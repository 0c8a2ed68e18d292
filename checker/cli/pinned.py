"""How `node show` shows the host keys that were handed to a node's device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from checker.output import day
from checker.registry.pins import Pins


def pin_lines(found: Sequence[Pins]) -> Iterator[str]:
    """A line for each host key in the newest files, then for each that only earlier files have: the
    device may still have those.
    """
    shown: set[str] = set()
    for pins in reversed(found):
        label, about = ("may pin", ", in earlier files") if shown else ("pins", "")
        fresh = [key for key in pins.all_keys if key not in shown]
        for key in fresh:
            later = ", which the gateway will have later" if key in pins.to_come else ""
            yield f"{label:10}{key}{later}, handed out {day(pins.at)}{about}"
        shown.update(fresh)


def pins_json(found: Sequence[Pins]) -> list[dict[str, Any]]:
    """What was handed out, the oldest first."""
    return [
        {
            "at": pins.at,
            "host_keys": [key_json(key, is_to_come=False) for key in pins.host_keys]
            + [key_json(key, is_to_come=True) for key in pins.to_come],
        }
        for pins in found
    ]


def key_json(key: str, *, is_to_come: bool) -> dict[str, Any]:
    kind, _, fingerprint = key.partition(" ")
    return {"type": kind, "fingerprint": fingerprint, "to_come": is_to_come}
