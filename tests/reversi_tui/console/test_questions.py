"""Kill and reset: what is asked first, and what must still be true after yes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Button

from checker.control.client import DaemonAbsent
from checker.model import NodeName, Port, ProcessId, Verb
from checker.state.rows import Batch
from reversi_tui.app import Console
from reversi_tui.screens.confirm import Confirm
from tests.reversi_tui.console.screen import SMALL, lines, running, shows, text, until
from tests.reversi_tui.console.states import (
    NOW,
    SEEN,
    FakeActs,
    console,
    demo_home,
    dependencies,
    open_acts,
    write,
)

BARN = (NodeName("barn"), Port(20011))
SIZES = [
    pytest.param((80, 24), id="80x24"),
    pytest.param((60, 15), id="60x15"),
    pytest.param((200, 50), id="200x50"),
]


@pytest.mark.parametrize("size", SIZES)
async def test_the_question_fits_names_the_target_and_focuses_cancel(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, size) as pilot:
        await pilot.press("down", "r")
        await shows(pilot, "Yes, reset (y)")
        for words in ("barn", "20011", "sshd 4001", "hung for 2h", "Cancel (n)", "╰"):
            assert words in text(app)
        assert isinstance(app.focused, Button)
        assert app.focused.id == "no"


@pytest.mark.parametrize("keys", [("n",), ("escape",), ("enter",), ("q",)])
async def test_anything_but_yes_does_nothing(tmp_path: Path, keys: tuple[str, ...]) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app, SMALL) as pilot:
        await pilot.press("down", "k", *keys)
        await shows(pilot, "kill cancelled")
        assert acts.done == []


@pytest.mark.parametrize(
    "yes", [pytest.param(("y",), id="key"), pytest.param(("right", "enter"), id="button")]
)
async def test_yes_kills_what_was_seen_and_shows_the_outcome(
    tmp_path: Path, yes: tuple[str, ...]
) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app, SMALL) as pilot:
        await pilot.press("down", "k", *yes)
        await shows(pilot, "barn port 20011: sshd 4001 ended, port 20011 is free")

    verb, aim = acts.done[0]
    assert len(acts.done) == 1
    assert verb is Verb.KILL
    assert (aim.node, aim.port, aim.session) == (*BARN, ProcessId(pid=4001, start_ticks=777))


async def test_after_yes_another_process_is_left_alone(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    acts = open_acts()
    app = console(layout, acts)

    async with running(app, SMALL) as pilot:
        await pilot.press("down", "k")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        write(
            layout,
            Batch(tunnels=(replace(SEEN[1], session=ProcessId(pid=4001, start_ticks=9999)),)),
        )
        session = ProcessId(pid=4001, start_ticks=9999)
        await until(pilot, lambda: app.main.view.rows[BARN].seen.session == session)
        await pilot.press("y")
        await shows(pilot, "another process with PID 4001")

    assert acts.done == []


async def test_while_an_action_is_under_way_a_second_is_refused(tmp_path: Path) -> None:
    acts = FakeActs()
    app = console(demo_home(tmp_path), acts)

    async with running(app, SMALL) as pilot:
        await pilot.press("down", "p")
        await shows(pilot, "» hung probe is under way")
        await pilot.press("p")
        await shows(pilot, "probe is still under way")
        acts.gate.set()
        await shows(pilot, "up: SSH-2.0-dropbear")
        await until(pilot, lambda: "»" not in text(app))

    assert len(acts.done) == 1


@pytest.mark.parametrize("key", ["y", "ctrl+c"])
async def test_quitting_during_an_action_asks(tmp_path: Path, key: str) -> None:
    acts = FakeActs()
    app = console(demo_home(tmp_path), acts)

    async with running(app, SMALL) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: acts.done)
        await pilot.press("q")
        await shows(pilot, "Quit while an action is under way?")
        await pilot.press("n")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press("ctrl+c")
        await shows(pilot, "Quit while an action is under way?")
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running)
    acts.gate.set()


async def test_a_daemon_that_does_not_answer_is_waited_for_until_escape(tmp_path: Path) -> None:
    acts, late = FakeActs(), [0.0]
    app = Console(replace(dependencies(demo_home(tmp_path), acts), now=lambda: NOW + late[0]))

    async with running(app, (120, 30)) as pilot:
        await pilot.press("down", "p")
        await until(pilot, lambda: acts.done)
        late[0] = 12.0
        await shows(pilot, "barn port 20011: the daemon has not answered probe for 12 s")
        await pilot.press("escape")
        await shows(pilot, "probe may still be done: you stopped waiting for it")
        assert not app.main.desk.pending
        await until(pilot, lambda: "has not answered" not in text(app))
    acts.gate.set()


async def test_an_action_that_cannot_be_tried_says_why(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    acts = open_acts()
    acts.failure = DaemonAbsent(layout)
    app = console(layout, acts)

    async with running(app, (160, 24)) as pilot:
        await pilot.press("p")
        await shows(pilot, "not probed: no daemon answers at")


@pytest.mark.parametrize("key", ["k", "r", "p"])
async def test_read_only_is_marked_and_the_keys_are_off(tmp_path: Path, key: str) -> None:
    acts = open_acts(read_only=True)
    app = console(demo_home(tmp_path), acts)

    async with running(app, SMALL) as pilot:
        assert "READ-ONLY" in lines(app)[0]
        assert "kill" not in lines(app)[-1]
        await pilot.press(key)
        await shows(pilot, "read-only")
        assert not isinstance(app.screen, Confirm)

    assert acts.done == []


async def test_nothing_to_kill_is_said_without_a_question(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, SMALL) as pilot:
        await pilot.press("down", "down", "k")
        await shows(pilot, "nothing to kill")


async def test_resizing_with_a_question_open_keeps_it_whole(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (120, 40)) as pilot:
        await pilot.press("down", "k")
        await shows(pilot, "Yes, kill (y)")
        await pilot.resize_terminal(60, 15)
        await until(pilot, lambda: app.size.width == 60)
        await shows(pilot, "Yes, kill (y)")
        await pilot.press("n")
        await shows(pilot, "kill cancelled")
