"""Which keys act on the row of an open sheet."""

from __future__ import annotations

import pytest
from textual.binding import Binding

from reversi_tui.actions.footer import About
from reversi_tui.actions.on_sheet import by_key, sheet_keys
from reversi_tui.actions.plans import Deed
from reversi_tui.actions.table import ACTIONS, of_command
from reversi_tui.screens.detail import Detail
from reversi_tui.settings.preferences import Command

OWN = of_command(Command(name="ping", key="f5", title="Ping", argv=("true",)))


def test_each_act_on_a_row_has_its_key_in_the_sheet_and_no_act_on_the_table() -> None:
    found = set(by_key((*ACTIONS, OWN)).values())

    assert {f"act.{deed}" for deed in Deed} <= found
    assert {"row.shell", "row.copy", "row.bundle", "row.command", "row.note"} <= found
    assert {"act.mute", "act.tags", "act.accept", "command.ping", "app.help"} <= found
    assert not {"act.mark", "act.mark_all", "act.add", "row.detail", "app.quit"} & found
    assert not any(name.startswith(("view.", "find.")) for name in found)


def test_no_key_of_the_sheet_has_two_meanings() -> None:
    own = [
        key
        for binding in (*Detail.BINDINGS, *Detail.__mro__[1].BINDINGS)  # type: ignore[attr-defined]
        if isinstance(binding, Binding)
        for key in binding.key.split(",")
    ]

    assert len(own) == len(set(own))
    assert not set(own) & by_key(ACTIONS).keys()


@pytest.mark.parametrize("width", [30, 56, 78, 106])
def test_the_line_of_keys_is_not_cut(width: int) -> None:
    line = sheet_keys(ACTIONS, frozenset(), About.FORWARD, width).plain

    assert line.startswith("esc close")
    assert line.endswith("? help")
    assert len(line) <= width


def test_a_read_only_console_offers_no_acts() -> None:
    off = frozenset(action.id for action in ACTIONS if action.changes)

    assert "kill" not in sheet_keys(ACTIONS, off, About.FORWARD, 200).plain
