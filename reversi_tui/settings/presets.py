"""Presets of keys: the default one, and vim's. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from checker.model import CheckerError
from checker.nearest import did_you_mean

DEFAULT_KEYS = "default"
CHORD = re.compile(r"([A-Za-z])\1")
"""A key that is a letter typed twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Keys that take the place of the default ones, by the ids of actions."""

    keys: Mapping[str, str] = field(default_factory=dict)
    """Of the table; the operator may change them further."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Of screens above the table."""


PRESETS = {
    DEFAULT_KEYS: Preset(),
    "vim": Preset(
        keys={
            "table.up": "k,up",
            "table.down": "j,down",
            "table.page_up": "ctrl+b,pageup",
            "table.page_down": "ctrl+f,pagedown",
            "table.half_up": "ctrl+u,shift+pageup",
            "table.half_down": "ctrl+d,shift+pagedown",
            "table.first": "gg,home",
            "table.last": "G,end",
            "view.fold": "h,left",
            "view.unfold": "l,right",
            "find.jump": "J",
            "find.next": "n",
            "find.previous": "N",
            "act.kill": "K",
            "act.add": "A",
            "row.note": "C",
            "view.groups": "Z",
            "view.log": "L",
        },
        elsewhere={
            "events.oldest": "gg,home",
            "events.newest": "G,end",
            "uptime.groups": "Z",
            "sheet.tab_next": "l,right,tab",
            "sheet.tab_back": "h,left,shift+tab",
            "counts.next": "l,right",
            "counts.previous": "h,left",
            "confirm.left": "h,left",
            "confirm.right": "l,right",
            "confirm.up": "k,up,pageup",
            "confirm.down": "j,down,pagedown",
        },
    ),
}


class UnknownPreset(CheckerError):
    """A preset of keys that does not exist."""

    def __init__(self, name: str) -> None:
        hint = did_you_mean(name, PRESETS) or ";"
        super().__init__(
            f"there is no preset of keys {name[:40]!r}{hint} presets are: {', '.join(PRESETS)}"
        )


def parse_preset(name: str) -> str:
    """Raises UnknownPreset."""
    if name not in PRESETS:
        raise UnknownPreset(name)
    return name


def origin_of(preset: str) -> str:
    """Where a key of the preset comes from, for the operator."""
    return f"preset {preset}"


def all_keys(preset: str, keys: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The keys that are not the default ones, on every screen; `keys` are those of the table."""
    return {**PRESETS[preset].elsewhere, **dict(keys)}


def key_on(preset: str, action: str, default: str) -> str:
    """The first key of an action of a screen above the table."""
    return PRESETS[preset].elsewhere.get(action, default).split(",")[0]


def typed_first(key: str) -> str:
    """The key that is typed first for it: half of a chord, else the key itself."""
    return key[0] if CHORD.fullmatch(key) else key
