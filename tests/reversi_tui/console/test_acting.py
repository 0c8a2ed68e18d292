"""Acting on several rows: marks, questions, counts, outcomes in the log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Button, Input

from checker.model import EventKind, NodeName, Port, ProcessId, Status, Unregistered, Verb
from checker.state.rows import Batch
from reversi_tui.screens.confirm import Confirm
from reversi_tui.settings.preferences import Command
from tests.registry_samples import register
from tests.reversi_tui.console.screen import log, running, shows, text, until
from tests.reversi_tui.console.states import (
    FORWARDS,
    NOW,
    SEEN,
    FakeActs,
    console,
    demo_home,
    forward,
    many,
    open_acts,
    sweep,
    tunnel,
    write,
)


async def test_marked_rows_are_all_killed_after_one_question_that_names_each(
    tmp_path: Path,
) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("space", "space", "down", "space", "k")
        await shows(pilot, "Kill these 3 forwards?")
        for words in (
            "3 forwards, 3 sshd processes: 1 hung 1 refused 1 up",
            "1 of them is up",
            "attic 20010 sshd 4000 up 2h",
            "barn 20011 sshd 4001 hung 2h",
            "dock 20013 sshd 4003 refused 2h",
        ):
            assert words in " ".join(text(app).split())
        await pilot.press("3", "enter")
        await until(pilot, lambda: len(acts.done) == 3 and not app.main.desk.pending)
        assert app.main.view.marks == set()

    assert {aim.node for _, aim in acts.done} == {"attic", "barn", "dock"}
    assert all(verb is Verb.KILL and aim.session for verb, aim in acts.done)
    assert log(app).count(" ended, port ") == 3


async def test_rows_that_cannot_be_killed_are_left_out_and_told(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("down", "space", "space", "k")
        await shows(pilot, "Left out:")
        await shows(pilot, "cellar port 20012: no sshd process")
        await pilot.press("y")
        await until(pilot, lambda: acts.done and not app.main.desk.pending)

    assert [aim.node for _, aim in acts.done] == ["barn"]


async def test_all_that_the_filter_shows_is_marked_and_unmarked(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("slash", *"status:up", "enter", "a")
        await shows(pilot, "1 marked")
        await pilot.press("slash", "escape")
        await until(pilot, lambda: len(app.main.view.order) == len(FORWARDS))
        assert app.main.view.marks == {("attic", 20010)}
        await pilot.press("a")
        assert len(app.main.view.marks) == len(FORWARDS)
        await pilot.press("a")
        assert not app.main.view.marks


async def test_the_question_names_marks_that_the_filter_hides(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("space", "space", "slash", *"barn", "enter")
        await shows(pilot, "2 marked, 1 not shown")
        await pilot.press("r")
        await shows(pilot, "The filter hides 1 of these marked rows.")


async def test_more_than_a_few_must_be_counted(tmp_path: Path) -> None:
    acts = open_acts()
    layout = demo_home(tmp_path)
    app = console(layout, acts)

    async with running(app) as pilot:
        await pilot.press("a", "r")
        await shows(pilot, f"Type {len(FORWARDS)} or up to continue")
        await shows(pilot, "Cancel (esc)")
        yes = app.screen.query_one("#yes", Button)
        assert isinstance(app.focused, Input)
        await pilot.press("y", "enter", "6", "enter")
        assert yes.disabled
        assert acts.done == []
        await pilot.press("backspace", "7")
        await shows(pilot, f"enter: reset {len(FORWARDS)} now")
        assert not yes.disabled
        await pilot.press("enter")
        await until(pilot, lambda: len(acts.done) == len(FORWARDS))
        await shows(pilot, f"all {len(FORWARDS)} forwards reset")


async def test_the_count_asked_for_is_the_operators_choice(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), confirm_over=1)

    async with running(app) as pilot:
        await pilot.press("space", "space", "r")
        await shows(pilot, "Type 2 or up to continue")


async def test_after_yes_only_what_is_still_the_same_is_killed(tmp_path: Path) -> None:
    layout, acts = demo_home(tmp_path), open_acts()
    app = console(layout, acts)

    async with running(app) as pilot:
        await pilot.press("space", "space", "k")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        other = ProcessId(pid=5000, start_ticks=5)
        write(layout, Batch(tunnels=(replace(SEEN[1], session=other),)))
        await until(
            pilot, lambda: app.main.view.rows[(NodeName("barn"), Port(20011))].seen.session == other
        )
        await pilot.press("u", "p", "enter")
        await until(pilot, lambda: acts.done and not app.main.desk.pending)

    assert [aim.node for _, aim in acts.done] == ["attic"]
    assert "barn port 20011 was held by sshd 4001 and is now held by sshd 5000: left alone" in log(
        app
    )


async def test_marks_go_with_their_rows(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("space", "space")
        (layout.nodes / "attic.toml").unlink()
        app.source.wake()
        await shows(pilot, "1 marked")


async def test_a_folded_row_stands_for_all_its_forwards(tmp_path: Path) -> None:
    layout, acts = demo_home(tmp_path), open_acts()
    register(layout, (forward("attic", 20010), forward("attic", 20110)))
    write(layout, Batch(tunnels=(tunnel("attic", 20110, Status.HUNG, pid=4000),)))
    app = console(layout, acts)

    async with running(app, count=len(FORWARDS) + 1) as pilot:
        await pilot.press("g")
        await shows(pilot, "▸attic 2 ports")
        await pilot.press("r")
        await shows(pilot, "Reset these 2 forwards?")
        await pilot.press("u", "p", "enter")
        await until(pilot, lambda: len(acts.done) == 2)
        await until(pilot, lambda: not app.main.desk.pending)
        await pilot.press("right")
        await shows(pilot, "▾attic 2 ports")
        await shows(pilot, "├ attic 20010")
        await shows(pilot, "└ attic 20110")
        assert [key for key in app.main.view.order if key[0] == "attic"] == [
            ("attic", 0),
            ("attic", 20010),
            ("attic", 20110),
        ]
        await pilot.press("down", "left")
        await shows(pilot, "▸attic 2 ports")
        assert app.main.table.cursor == ("attic", 0)


async def test_the_log_pane_tells_each_act_and_its_outcome_with_the_time(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("l")
        await shows(pilot, "this console has done nothing yet")
        await pilot.press("p")
        await shows(pilot, "attic port 20010: probe is under way")
        await shows(pilot, "attic port 20010: up: SSH-2.0-dropbear")
        await pilot.press("v", "5")
        await shows(pilot, "What this console did")
        await pilot.press("escape", "escape", "l")
        await until(pilot, lambda: not app.main.log_pane.display)


def command(*argv: str, dangerous: bool = False) -> Command:
    return Command(name="show", key="f5", title="Show it", argv=argv, dangerous=dangerous)


async def test_many_probes_at_once_each_have_their_outcome(tmp_path: Path) -> None:
    acts = FakeActs()
    layout = demo_home(tmp_path)
    app = console(layout, acts, confirm_over=10)

    async with running(app) as pilot:
        await pilot.press("a", "p")
        await until(pilot, lambda: text(app).count("»") == len(FORWARDS))
        await shows(pilot, f"probe 0/{len(FORWARDS)}, esc stops")
        assert "» hung" in text(app)
        acts.gate.set()
        await until(pilot, lambda: not app.main.desk.pending)
        await until(pilot, lambda: "esc stops" not in text(app))

    assert len(acts.done) == len(FORWARDS)
    assert log(app).count(": up: ") == len(FORWARDS)


async def test_more_than_a_few_probes_ask_first(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("a", "p")
        await shows(pilot, f"Type {len(FORWARDS)} to continue")
        assert acts.done == []
        await pilot.press(*str(len(FORWARDS)), "enter")
        await until(pilot, lambda: len(acts.done) == len(FORWARDS))


async def test_escape_stops_acts_on_many_and_no_more_than_sixteen_are_begun(
    tmp_path: Path,
) -> None:
    acts, layout = FakeActs(), demo_home(tmp_path)
    many(layout, 40)
    app = console(layout, acts, confirm_over=100)

    async with running(app, count=len(FORWARDS) + 40) as pilot:
        await pilot.press("a", "p")
        await until(pilot, lambda: len(acts.done) == 16)
        await pilot.press("escape")
        await shows(pilot, "probe 0/47, stopping, 16 under way")
        acts.gate.set()
        await shows(pilot, "16 of 47 forwards probed, 31 not started; ")
        assert not app.main.desk.pending

    assert len(acts.done) == 16


async def test_the_command_that_reaches_the_node_is_told_where_no_clipboard_takes_it(
    tmp_path: Path,
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (200, 30)) as pilot:
        await pilot.press("y", "enter")
        await shows(pilot, "the command is: ssh -p 20010")
        await pilot.press("down", "y", "down", "enter", *"root", "enter")
        await shows(pilot, "-l root -- barn")
        await pilot.press("S")
        await shows(pilot, "Log in to barn")
        assert app.screen.query_one("#ask-field", Input).value == "root", "as the last time"
        await pilot.press("escape", "end", "y")
        await shows(pilot, "openssl s_client -brief -connect 127.0.0.1:20016")
        await pilot.press("r")
        await shows(pilot, "that command is for your desk; enter copies it")


async def test_a_command_of_the_menu_runs_and_shows_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    curl = programs / "curl"
    curl.write_text("#!/bin/sh\nprintf 'asked for %s' \"$*\"\n")
    curl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    acts = open_acts()
    app = console(demo_home(tmp_path / "home"), acts)

    async with running(app, (120, 30)) as pilot:
        await pilot.press("end", "y", "down", "r")
        await shows(pilot, "asked for -sS -i --max-time 10 -k https://127.0.0.1:20016/")

    assert [(kind, port) for kind, _, port, _ in acts.recorded] == [(EventKind.COMMAND, 20016)]


async def test_a_read_only_console_copies_commands_and_runs_none(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), open_acts(read_only=True))

    async with running(app, (120, 30)) as pilot:
        await pilot.press("y", "r")
        await shows(pilot, "this console is read-only: s (shell) is off")
        await pilot.press("y", "enter")
        await shows(pilot, "the command is: ssh -p 20010")


async def test_what_came_by_the_shared_key_is_marked_as_unregistered(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    stranger = Unregistered(
        node=NodeName("kiosk"),
        port=Port(50001),
        expect=FORWARDS[0].expect,
        first_at=NOW - 50,
        last_at=NOW,
    )
    write(
        layout,
        Batch(tunnels=(tunnel("kiosk", 50001, pid=4050),), unregistered=(stranger,), sweep=sweep()),
    )
    app = console(layout)

    async with running(app, (120, 30), count=len(FORWARDS) + 1) as pilot:
        await shows(pilot, "kiosk*")
        await shows(pilot, "* 1 unregistered")
        await pilot.press("end", "d")
        await shows(pilot, "the node is not registered")


async def test_the_question_names_what_ends_with_the_same_process(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    register(layout, (forward("attic", 20010), forward("attic", 20110)))
    write(layout, Batch(tunnels=(tunnel("attic", 20110, Status.HUNG, pid=4000),)))
    app = console(layout)

    async with running(app, count=len(FORWARDS) + 1) as pilot:
        await pilot.press("down", "k")
        await shows(pilot, "Kill this forward?")
        await shows(
            pilot, "The same process holds these, which end with it: attic port 20010 (up)."
        )
        await pilot.press("escape", "space", "up", "up", "space", "k")
        await shows(pilot, "Kill these 2 forwards?")
        assert "ended with it" not in text(app)


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
async def test_however_many_are_asked_about_the_count_and_the_buttons_are_in_sight(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    layout = demo_home(tmp_path)
    many(layout, 60)
    app = console(layout)

    async with running(app, count=len(FORWARDS) + 60) as pilot:
        await pilot.press("a", "k")
        await shows(pilot, "Kill these 64 forwards?")
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: app.size == size)
        await shows(pilot, "Type 64 or up to continue:")
        await shows(pilot, "Cancel (esc)")
        await shows(pilot, "Yes, kill")
        await pilot.press(*("pagedown",) * 60)
        await shows(pilot, "garage port 20016: no sshd process")
        await pilot.press("6", "4")
        await shows(pilot, "enter: kill 64 now")


async def test_a_click_on_yes_does_not_count_and_one_on_cancel_cancels(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("down", "k")
        await shows(pilot, "Kill this forward?")
        await pilot.click("#yes")
        await until(pilot, lambda: app.focused is app.screen.query_one("#yes"))
        assert isinstance(app.screen, Confirm)
        await pilot.click("#no")
        await shows(pilot, "barn port 20011: kill cancelled")

    assert acts.done == []


async def test_the_whole_log_opens_at_its_end_and_keeps_long_sentences(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (80, 24)) as pilot:
        for number in range(200):
            app.main.note(f"sentence {number}: {'long ' * 100}end-{number}")
        await pilot.press("v", "5")
        await shows(pilot, "end-199")
