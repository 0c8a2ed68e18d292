"""No key of any screen has two meanings there."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator

import pytest
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

import reversi_tui
from reversi_tui.app import Console
from reversi_tui.screens.event_log import EventLog
from reversi_tui.screens.main import Main
from reversi_tui.screens.uptime import Uptime
from reversi_tui.widgets.event_list import EventList
from reversi_tui.widgets.lines import Lines
from reversi_tui.widgets.table import TunnelTable

FOCUSED: dict[type[DOMNode], type[DOMNode]] = {
    Main: TunnelTable,
    EventLog: EventList,
    Uptime: Lines,
}
"""What has the focus on a screen, with keys of its own."""


def screens() -> list[type[DOMNode]]:
    """Every screen of the console."""
    for module in pkgutil.walk_packages(reversi_tui.__path__, "reversi_tui."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, new = list[type[DOMNode]](), list[type[DOMNode]](Screen.__subclasses__())
    while new:
        one = new.pop()
        new += one.__subclasses__()
        if one.__module__.startswith("reversi_tui."):
            found.append(one)
    return sorted(found, key=lambda one: one.__name__)


def keys_of(owner: type[DOMNode]) -> Iterator[str]:
    """The keys that our own classes bind; a class may bind again what it inherits."""
    inherited = set[str]()
    for each in owner.__mro__:
        if each.__module__.startswith("reversi_tui."):
            bindings = [one for one in vars(each).get("BINDINGS", ()) if isinstance(one, Binding)]
            assert all(one.id and one.tooltip for one in bindings)
            keys = [key for one in bindings for key in one.key.split(",")]
            yield from (key for key in keys if key not in inherited)
            inherited.update(keys)


@pytest.mark.parametrize("screen", screens(), ids=lambda one: one.__name__)
def test_no_key_has_two_meanings_on_a_screen(screen: type[DOMNode]) -> None:
    focused = FOCUSED.get(screen)

    keys = Counter((*keys_of(Console), *keys_of(screen), *(keys_of(focused) if focused else ())))

    assert [key for key, count in keys.items() if count > 1] == []
