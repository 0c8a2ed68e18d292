"""The keys at the bottom, from the bindings themselves; those that are off say so."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from textual.binding import Binding

NAMES = {
    "question_mark": "?", "slash": "/", "less_than_sign": "<", "greater_than_sign": ">", "pageup": "page up", "pagedown": "page down",
    "up": "↑", "down": "↓", "left": "←", "right": "→", "escape": "esc",
}


def key_name(key: str) -> str:
    """A key as it is printed on a keyboard."""
    return NAMES.get(key, key)


def keys_line(bindings: Iterable[Binding], off: frozenset[str], width: int) -> Text:
    """As many of the shown bindings as fit, in their order, those that are off last; `off` are ids."""
    text = Text()
    for binding in sorted(bindings, key=lambda binding: binding.id in off):
        is_off = binding.id in off
        words = f"{binding.description.lower()}{' off' if is_off else ''}"
        key = key_name(binding.key.partition(",")[0])
        if text.cell_len + len(key) + len(words) + 3 > width + 2:
            break
        text.append(key, style="dim" if is_off else "bold").append(f" {words}  ", style="dim" if is_off else "")
    return text
