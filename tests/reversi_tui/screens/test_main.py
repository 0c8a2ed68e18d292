"""The main screen's table of calls: each action of the console has one, and each call an action."""

from __future__ import annotations

from pathlib import Path

from reversi_tui.actions.table import ACTIONS, of_command
from reversi_tui.settings.preferences import Command
from tests.reversi_tui.console.states import console, demo_home

OWN = Command(name="it's mine", key="f5", title="Mine", argv=("true",))


def test_each_action_has_a_call_and_each_call_an_action(tmp_path: Path) -> None:
    main = console(demo_home(tmp_path), commands=(OWN,)).main

    wanted = {action.id for action in (*ACTIONS, of_command(OWN)) if not action.of_app}
    assert main.calls.keys() == wanted


def test_an_action_of_the_app_is_a_method_of_the_app(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    names = [action.of_app for action in ACTIONS if action.of_app]
    assert names
    assert all(callable(getattr(app, f"action_{name}")) for name in names)
