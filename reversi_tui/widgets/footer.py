"""The line of keys at the bottom, from the table of actions."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from reversi_tui.actions.action import Action
from reversi_tui.actions.key_names import key_name


def keys_line(actions: Iterable[Action], off: frozenset[str], width: int) -> Text:
    """As many of the shown actions as fit, in order, without those whose ids are `off`."""
    text = Text()
    for action in actions:
        if not action.shown or not action.keys or action.id in off:
            continue
        key, title = key_name(action.keys[0]), action.title.lower()
        if text.cell_len + len(key) + len(title) + 1 > width:
            break
        text.append(key, style="bold").append(f" {title}  ")
    text.rstrip()
    return text
