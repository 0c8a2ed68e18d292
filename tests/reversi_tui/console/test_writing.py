"""The rows shown as files and on the clipboard, by keys."""

from __future__ import annotations

import base64
import csv
import re
from pathlib import Path

import pytest

from tests.reversi_tui.console.pty_console import terminal
from tests.reversi_tui.console.screen import running, shows
from tests.reversi_tui.console.states import console, demo_home


async def test_the_rows_shown_are_written_with_their_columns_and_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    app = console(demo_home(tmp_path), columns=("node", "status"))

    async with running(app, (160, 30)) as pilot:
        await pilot.press("slash", *"barn|dock", "enter", "O", "W", "enter")
        await shows(pilot, "Write 2 rows to a new file")
        await pilot.press("enter")
        await shows(pilot, f"wrote 2 rows to {folder}/reversi-")

    (path,) = folder.iterdir()
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows == [["node", "status"], ["dock", "refused"], ["barn", "hung"]]


async def test_a_file_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("W", "j", "enter")
        await shows(pilot, "Write 7 rows to a new file")
        await pilot.press("ctrl+u", *"state.db", "enter")
        await shows(pilot, "not written: state.db exists, and is left as it is")


def test_marked_rows_are_copied_as_a_table_that_no_shell_runs(tmp_path: Path) -> None:
    demo_home(tmp_path)

    with terminal(tmp_path, "--no-remember", "--columns", "node,port", size=(100, 24)) as opened:
        opened.until(b"garage")
        opened.press(b"  Y")
        opened.until(b"2 marked rows")
        opened.press(b"q")
        assert opened.ended() == 0
        (found,) = re.findall(rb"\x1b\]52;c;([^\x07]*)\x07", opened.written)

    assert base64.b64decode(found).decode().splitlines() == [
        "| node | port |",
        "| --- | ---: |",
        "| attic | 20010 |",
        "| barn | 20011 |",
    ]
