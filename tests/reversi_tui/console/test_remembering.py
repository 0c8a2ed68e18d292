"""The start of the console in a real terminal: settings, and the remembered view."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.reversi_tui.console.pty_console import WITHIN_S, terminal
from tests.reversi_tui.console.states import demo_home


def written(path: Path) -> dict[str, object]:
    """What is remembered, once it is there."""
    give_up_at = time.monotonic() + WITHIN_S
    while not path.exists():
        assert time.monotonic() < give_up_at, f"no {path}"
        time.sleep(0.02)
    return dict(json.loads(path.read_bytes()))


def test_a_changed_view_is_there_the_next_time_and_not_without_remembering(
    tmp_path: Path, isolated: Path
) -> None:
    demo_home(tmp_path)
    path = isolated / ".local" / "state" / "reversi" / "console.json"

    with terminal(tmp_path, "--no-remember") as console:
        console.until(b"garage")
        console.press(b"f")
        console.settle()
        console.press(b"q")
        assert console.ended() == 0
    assert not path.exists()

    with terminal(tmp_path) as console:
        console.until(b"garage")
        console.press(b"O")
        assert written(path) == {str(tmp_path): {"backwards": True}}
        console.press(b"q")
        assert console.ended() == 0

    with terminal(tmp_path) as console:
        console.until(b"attic")
        # both are in the state file, which is read first
        assert console.written.index(b"attic") < console.written.index(b"farm")
        console.press(b"q")
        assert console.ended() == 0


def test_broken_preferences_are_a_sentence_before_the_console_opens(
    tmp_path: Path, isolated: Path
) -> None:
    demo_home(tmp_path)
    own = isolated / ".config" / "reversi" / "console.toml"
    own.parent.mkdir(parents=True)
    own.write_text("[console.keys]\nact.kill = 'p'\n")

    with terminal(tmp_path) as console:
        assert console.ended() == 2
        console.settle(0.1)

    assert (
        console.written.decode().strip()
        == f"reversi-tui: error: {own}: key 'p' is for both action act.probe and action act.kill;"
        " give one of them another key"
    )
