"""No key of any screen has two meanings there, with any preset of keys."""

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
from reversi_tui.actions.on_sheet import by_key
from reversi_tui.actions.table import ACTIONS, MOVES, WITHOUT_KEY, with_keys
from reversi_tui.app import Console
from reversi_tui.screens.batch_sheet import BatchSheet
from reversi_tui.screens.columns import ColumnsChooser, Mover
from reversi_tui.screens.counts import CountsBy
from reversi_tui.screens.detail import Detail
from reversi_tui.screens.event_log import EventLog
from reversi_tui.screens.help import Help
from reversi_tui.screens.main import Main
from reversi_tui.screens.picking import Choose, Menu
from reversi_tui.screens.reach import Reach
from reversi_tui.screens.sheet import Sheet
from reversi_tui.screens.uptime import Uptime
from reversi_tui.settings.preferences import Layer, combined, keymap
from reversi_tui.settings.presets import CHORD, PRESETS, all_keys
from reversi_tui.widgets.event_list import EventList
from reversi_tui.widgets.lines import Lines
from reversi_tui.widgets.page import Page, Scroller
from reversi_tui.widgets.table import TunnelTable

FOCUSED: dict[type[DOMNode], type[DOMNode]] = {
    Main: TunnelTable,
    EventLog: EventList,
    Uptime: Lines,
    Sheet: Scroller,
    Help: Scroller,
    BatchSheet: Scroller,
    Detail: Page,
    ColumnsChooser: Mover,
    CountsBy: Mover,
    Choose: Menu,
    Reach: Menu,
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


def bindings_of(owner: type[DOMNode]) -> Iterator[tuple[str, str]]:
    """Ids and keys that our own classes bind; a class may bind again what it inherits."""
    inherited = set[str]()
    for each in owner.__mro__:
        if each.__module__.startswith("reversi_tui."):
            bindings = [one for one in vars(each).get("BINDINGS", ()) if isinstance(one, Binding)]
            assert all(one.id and one.tooltip for one in bindings)
            keys = [(one.id or "", key) for one in bindings for key in one.key.split(",")]
            yield from ((name, key) for name, key in keys if key not in inherited)
            inherited.update(key for _, key in keys)


def keys_of(owner: type[DOMNode], changed: dict[str, str]) -> set[tuple[str, str]]:
    """Ids and keys, after the operator changed some."""
    return {
        (name, new) for name, key in bindings_of(owner) for new in changed.get(name, key).split(",")
    }


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("screen", screens(), ids=lambda one: one.__name__)
def test_no_key_has_two_meanings_on_a_screen(screen: type[DOMNode], preset: str) -> None:
    changed = all_keys(preset, PRESETS[preset].keys.items())
    bound = [keys_of(owner, changed) for owner in (Console, screen)]
    if screen in FOCUSED:
        bound.append(keys_of(FOCUSED[screen], changed))
    if screen is Main:
        bound.append({(name, changed[name]) for name in WITHOUT_KEY & changed.keys()})

    keys = Counter(key for part in bound for _, key in part)

    assert [key for key, count in keys.items() if count > 1] == []
    assert [key for key in keys if CHORD.fullmatch(key) and key[0] in keys] == []


@pytest.mark.parametrize("preset", PRESETS)
def test_no_key_that_acts_on_the_row_of_a_sheet_is_one_of_the_sheet(preset: str) -> None:
    changed = all_keys(preset, PRESETS[preset].keys.items())
    own = {key for owner in (Detail, Page) for _, key in keys_of(owner, changed)}

    assert own.isdisjoint(by_key(with_keys(ACTIONS, changed)))


def test_a_preset_names_bindings_that_exist() -> None:
    owners = [*screens(), *FOCUSED.values()]
    ids = {name for owner in owners for name, _ in bindings_of(owner)}
    actions = {action.id for action in ACTIONS} | MOVES.keys()

    for preset in PRESETS.values():
        assert preset.keys.keys() <= actions
        assert preset.elsewhere.keys() <= ids - actions


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_begins_without_a_clash(preset: str) -> None:
    actions = {**{action.id: action.key for action in ACTIONS}, **MOVES}
    preferences = combined((Layer(origin="mine", values={"preset": preset}),))

    assert keymap(actions, preferences).keys() == actions.keys()
