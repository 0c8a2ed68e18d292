"""Which actions work in the sheet of a row, and the line of keys there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.text import Text

from reversi_tui.actions.action import Action
from reversi_tui.actions.footer import OF_ROW, USELESS, About, help_hint, in_order, line
from reversi_tui.actions.key_names import key_name

PARTS = ("act", "row", "command")
"""First parts of the ids of actions that are about a row."""
ELSEWHERE = frozenset({"act.mark", "act.mark_all", "act.add", "row.detail"})
"""About the table, although their ids begin like those of actions on a row."""
ALSO = frozenset({"app.help"})
OWN_KEYS = (("esc", "close"), ("[ ]", "other row"), ("1-5", "tab"))


def works_there(action: Action) -> bool:
    """Whether the action's key works in the sheet, on its row."""
    is_of_row = action.id.partition(".")[0] in PARTS and action.id not in ELSEWHERE
    return (is_of_row and not action.of_app) or action.id in ALSO


def by_key(actions: Iterable[Action]) -> Mapping[str, str]:
    """The ids of the actions that work there, by their keys."""
    return {key: action.id for action in actions if works_there(action) for key in action.keys}


def sheet_keys(actions: Sequence[Action], off: frozenset[str], about: About, width: int) -> Text:
    """The keys of the sheet, then as many of the actions as fit, without those that are `off`;
    help is last.
    """
    mine = [
        (key_name(action.keys[0]), action.title.lower())
        for action in in_order(actions, OF_ROW[about])
        if works_there(action) and action.keys and action.id not in off | USELESS[about]
    ]
    return line((*OWN_KEYS, *mine), help_hint(actions, typing=False), width)
