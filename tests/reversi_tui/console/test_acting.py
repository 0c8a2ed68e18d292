"""Acting on several rows, on nodes, and with the operator's own commands: what is asked, what is
done, what is logged.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from checker.model import EventKind, NodeName, Port, ProcessId, Status, Unregistered, Verb
from checker.registry.reading import read_registry
from checker.state.rows import Batch
from checker.state.store import open_reader
from reversi_tui.app import Console
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.output import Output
from reversi_tui.settings.preferences import Command
from tests.reversi_tui.console.screen import shows, text, until
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
    register,
    sweep,
    tunnel,
    write,
)


@asynccontextmanager
async def running(
    app: Console, size: tuple[int, int] = (100, 30), count: int = len(FORWARDS)
) -> AsyncIterator[Pilot[None]]:
    """The console with all its rows read."""
    async with app.run_test(size=size) as pilot:
        await until(
            pilot, lambda: app.main.health.registry_read and len(app.main.view.rows) == count
        )
        await pilot.pause()
        yield pilot


def log(app: Console) -> str:
    return "\n".join(app.main.log_pane.lines)


async def test_marked_rows_are_all_killed_after_one_question_that_names_each(
    tmp_path: Path,
) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("space", "space", "down", "space", "k")
        await shows(pilot, "Kill these 3 forwards?")
        for words in (
            "attic 20010 sshd 4000 up 2h",
            "barn 20011 sshd 4001 hung 2h",
            "dock 20013 sshd 4003 refused 2h",
        ):
            assert words in " ".join(text(app).split())
        await pilot.press("y")
        await until(pilot, lambda: len(acts.done) == 3 and not app.main.pending)
        assert app.main.view.marks == set()

    assert {aim.node for _, aim in acts.done} == {"attic", "barn", "dock"}
    assert all(verb is Verb.KILL and aim.session for verb, aim in acts.done)
    assert log(app).count("kill done: the port is free") == 3


async def test_rows_that_can_not_be_killed_are_left_out_and_told(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("down", "space", "space", "k")
        await shows(pilot, "Left out:")
        await shows(pilot, "cellar port 20012: no sshd process")
        await pilot.press("y")
        await until(pilot, lambda: acts.done and not app.main.pending)

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


async def test_the_question_tells_of_marks_that_the_filter_hides(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("space", "space", "slash", *"barn", "enter")
        await shows(pilot, "2 marked, 1 not shown")
        await pilot.press("r")
        await shows(pilot, "1 of them is marked, and not shown by the filter")


async def test_more_than_a_few_must_be_counted(tmp_path: Path) -> None:
    acts = open_acts()
    layout = demo_home(tmp_path)
    app = console(layout, acts)

    async with running(app) as pilot:
        await pilot.press("a", "r")
        await shows(pilot, f"Type {len(FORWARDS)} to go on")
        await shows(pilot, "Cancel (esc)")
        yes = app.screen.query_one("#yes", Button)
        assert isinstance(app.focused, Input)
        await pilot.press("y", "enter", "6", "enter")
        assert yes.disabled
        assert acts.done == []
        await pilot.press("backspace", "7")
        await until(pilot, lambda: not yes.disabled)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: len(acts.done) == len(FORWARDS))
        await shows(pilot, f"{len(FORWARDS)} forwards: reset done to all {len(FORWARDS)}")


async def test_the_count_asked_for_is_the_operators_choice(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), confirm_over=1)

    async with running(app) as pilot:
        await pilot.press("space", "space", "r")
        await shows(pilot, "Type 2 to go on")


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
        await pilot.press("y")
        await until(pilot, lambda: acts.done and not app.main.pending)

    assert [aim.node for _, aim in acts.done] == ["attic"]
    assert "barn port 20011 was held by sshd 4001 and is now held by sshd 5000: not done" in log(
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
        await shows(pilot, "+attic 2 ports")
        await pilot.press("r")
        await shows(pilot, "Reset these 2 forwards?")
        await pilot.press("y")
        await until(pilot, lambda: len(acts.done) == 2)
        await until(pilot, lambda: not app.main.pending)
        await pilot.press("right")
        await shows(pilot, "-attic 2 ports")
        assert [key for key in app.main.view.order if key[0] == "attic"] == [
            ("attic", 0),
            ("attic", 20010),
            ("attic", 20110),
        ]
        await pilot.press("down", "left")
        await shows(pilot, "+attic 2 ports")
        assert app.main.table.cursor == ("attic", 0)


async def test_the_log_pane_tells_each_act_and_its_outcome_with_the_time(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("l")
        await shows(pilot, "this console did nothing yet")
        await pilot.press("p")
        await shows(pilot, "attic port 20010: probe is under way")
        await shows(pilot, "attic port 20010: probe done: the port is free")
        await pilot.press("L")
        await shows(pilot, "What this console did")
        await pilot.press("escape", "l")
        await until(pilot, lambda: not app.main.log_pane.display)


async def test_a_node_is_disabled_after_a_question_and_enabled_without_in_the_operators_name(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("down", "down", "d")
        await shows(pilot, "Disable this node?")
        await pilot.press("y")
        await until(
            pilot, lambda: not read_registry(layout.nodes).nodes[NodeName("cellar")].enabled
        )
        await shows(pilot, "- disabled")
        await shows(pilot, "- 1 disabled")
        await until(pilot, lambda: not app.main.pending)
        await pilot.press("e")
        await until(pilot, lambda: read_registry(layout.nodes).nodes[NodeName("cellar")].enabled)
        await until(pilot, lambda: not app.main.pending)

    state = open_reader(layout.state)
    told = [
        (event.kind, event.text, event.actor) for event in state.events(node=NodeName("cellar"))
    ]
    state.close()
    assert [(kind, words) for kind, words, _ in told] == [
        (EventKind.REGISTRY, "disabled"),
        (EventKind.REGISTRY, "enabled"),
    ]
    assert all(actor not in ("", "daemon") for _, _, actor in told)


@pytest.mark.parametrize("key", ["d", "e", "s", "b", "n", "x"])
async def test_a_read_only_console_changes_nothing_by_any_key(tmp_path: Path, key: str) -> None:
    layout = demo_home(tmp_path)
    before = {file.name: file.read_bytes() for file in layout.nodes.iterdir()}
    app = console(layout, open_acts(read_only=True))

    async with running(app) as pilot:
        await pilot.press(key)
        await shows(pilot, "read-only")
        assert app.screen is app.main

    assert {file.name: file.read_bytes() for file in layout.nodes.iterdir()} == before


async def test_a_node_is_added_by_the_form_and_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    layout = demo_home(tmp_path / "gateway")
    (layout.home or tmp_path).joinpath("reversi.toml").write_text(
        'gateway = ["gw.example.org:22"]\n'
    )
    app = console(layout)

    async with running(app, (100, 40)) as pilot:
        await pilot.press("n")
        await shows(pilot, "New node")
        await pilot.press(*"attic", "tab")
        await shows(pilot, "attic")
        assert "already" in text(app) or "taken" in text(app) or "registered" in text(app)
        await pilot.press(
            "shift+tab",
            *("backspace",) * 5,
            *"zoo",
            "tab",
            *"127.0.0.1:22,banner:SSH-2.0",
            "ctrl+s",
        )
        await until(pilot, lambda: NodeName("zoo") in read_registry(layout.nodes).nodes)
        await shows(pilot, "zoo: add done")
        await until(pilot, lambda: any(key[0] == "zoo" for key in app.main.view.rows))

    assert (tmp_path / "zoo.toml").exists()
    assert (tmp_path / "zoo.toml.key").stat().st_mode & 0o777 == 0o600


async def test_the_bundle_asks_where_to_and_says_what_is_missing(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (160, 30)) as pilot:
        await pilot.press("b")
        await shows(pilot, "Where shall it be written?")
        await pilot.press("enter")
        await shows(pilot, "attic: bundle not done: its private key can not be read")


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def command(*argv: str, dangerous: bool = False) -> Command:
    return Command(name="show", key="f5", title="Show it", argv=argv, dangerous=dangerous)


async def test_a_command_of_ones_own_gets_its_words_as_arguments_and_its_output_is_shown_as_text(
    tmp_path: Path,
) -> None:
    program = "import json, sys; print(json.dumps(sys.argv[1:])); print('\\x1b[31m[bold]red[/]')"
    app = console(
        demo_home(tmp_path),
        commands=(
            command(sys.executable, "-c", program, "{node}", "at {target}; rm -rf {port}", "{pid}"),
        ),
    )

    async with running(app) as pilot:
        await pilot.press("f5")
        await until(pilot, lambda: isinstance(app.screen, Output))
        await shows(pilot, json.dumps(["attic", "at 127.0.0.1:22; rm -rf 20010", "4000"]))
        await shows(pilot, "\\x1b[31m[bold]red[/]")
        await shows(pilot, "ended with status 0")


async def test_a_dangerous_command_asks_first_and_one_without_a_known_process_is_refused(
    tmp_path: Path,
) -> None:
    mark = tmp_path / "ran"
    app = console(
        demo_home(tmp_path / "gateway"),
        commands=(command("touch", f"{mark}-{{pid}}", dangerous=True),),
    )

    async with running(app) as pilot:
        await pilot.press("f5")
        await shows(pilot, "Show it?")
        await pilot.press("n")
        await shows(pilot, "Show it: cancelled")
        await pilot.press("down", "down", "x", "enter")
        await shows(pilot, "cellar")
        await pilot.press("y")
        await until(pilot, lambda: "the pid is not known" in log(app))

    assert not any(name.startswith("ran") for name in names(tmp_path))


async def test_without_commands_x_says_where_they_are_written(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("x")
        await shows(pilot, "[[command]]")


async def test_an_action_is_found_in_the_palette_by_its_name(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("colon")
        await shows(pilot, "Search for commands")
        await pilot.press(*"probe")
        await shows(pilot, "Probe the forward now")
        await pilot.press("down", "enter")
        await until(pilot, lambda: acts.done)

    assert acts.done[0][0] is Verb.PROBE


async def test_keys_are_as_the_operator_gave_them(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts, keys=(("act.probe", "f6"),))

    async with running(app) as pilot:
        await pilot.press("p")
        await pilot.press("f6")
        await until(pilot, lambda: acts.done)
        assert "f6 probe" in text(app)

    assert len(acts.done) == 1


async def test_many_probes_at_once_each_have_their_outcome(tmp_path: Path) -> None:
    acts = FakeActs()
    layout = demo_home(tmp_path)
    app = console(layout, acts)

    async with running(app) as pilot:
        await pilot.press("a", "p")
        await until(pilot, lambda: text(app).count("probe...") == len(FORWARDS))
        acts.gate.set()
        await until(pilot, lambda: not app.main.pending)

    assert len(acts.done) == len(FORWARDS)
    assert log(app).count("probe done: ") == len(FORWARDS)


async def test_the_command_that_reaches_the_node_is_told_where_no_clipboard_takes_it(
    tmp_path: Path,
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (200, 30)) as pilot:
        await pilot.press("y")
        await shows(pilot, "the command is: ssh -p 20010")
        await pilot.press("end", "y")
        await shows(pilot, "garage port 20016: no forward of node garage leads to an SSH server")


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
        await shows(pilot, "Held by the same process, and ended with it: attic port 20010 (up).")
        await pilot.press("n", "space", "up", "up", "space", "k")
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
        await shows(pilot, "Type 64 to go on:")
        await shows(pilot, "Cancel (esc)")
        await shows(pilot, "Yes, kill")
        await pilot.press(*("pagedown",) * 60)
        await shows(pilot, "garage port 20016: no sshd process")
        await pilot.press("6", "4", "enter")
        await until(pilot, lambda: app.focused is app.screen.query_one("#yes"))


async def test_a_click_on_yes_is_no_yes_and_one_on_cancel_cancels(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("k")
        await shows(pilot, "Kill this forward?")
        await pilot.click("#yes")
        await until(pilot, lambda: app.focused is app.screen.query_one("#yes"))
        assert isinstance(app.screen, Confirm)
        await pilot.click("#no")
        await shows(pilot, "attic port 20010: kill cancelled")

    assert acts.done == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        pytest.param(
            "~nobody-of-this-name/x.sh",
            "begins with a user who does not exist here",
            id="no such user",
        ),
        pytest.param("/", "names no file", id="a directory"),
        pytest.param("x" * 5000, "bundle not done", id="too long"),
    ],
)
async def test_a_place_where_no_bundle_can_be_is_a_sentence(
    tmp_path: Path, typed: str, words: str
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (160, 30)) as pilot:
        await pilot.press("b")
        await shows(pilot, "Where shall it be written?")
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        await shows(pilot, words)
        assert app.screen is app.main


async def test_where_the_console_stood_may_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    app = console(demo_home(tmp_path / "gateway"))

    async with running(app, (160, 30)) as pilot:
        gone.rmdir()
        await pilot.press("n")
        await shows(pilot, "New node")
        await pilot.press("escape", "b")
        await shows(pilot, "A path, or a name in /")


async def test_the_palette_tells_the_keys_and_does_not_come_over_a_dialog(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("colon", *"kill")
        await shows(pilot, "k: Kill the sshd process that holds the port; asks first")
        await pilot.press("escape", "k")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("ctrl+p")
        assert isinstance(app.screen, Confirm)


async def test_each_action_under_way_is_warned_of_before_the_console_is_left(
    tmp_path: Path,
) -> None:
    acts = FakeActs()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: len(acts.done) == 1)
        await pilot.press("q")
        await shows(pilot, "the same key again leaves")
        acts.gate.set()
        await until(pilot, lambda: not app.main.pending)
        acts.gate.clear()
        await pilot.press("down", "p")
        await until(pilot, lambda: len(acts.done) == 2)
        await pilot.press("q")
        await shows(pilot, "the same key again leaves")
        assert app.is_running
        acts.gate.set()


async def test_the_whole_log_opens_at_its_end_and_keeps_long_sentences(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (80, 24)) as pilot:
        for number in range(200):
            app.main.tell(f"sentence {number}: {'long ' * 100}end-{number}")
        await pilot.press("L")
        await shows(pilot, "end-199")


async def test_keys_of_the_table_can_be_given_too_and_stand_in_the_help(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), keys=(("table.down", "f7"), ("view.theme", "down")))

    async with running(app) as pilot:
        await pilot.press("f7")
        await until(pilot, lambda: app.main.table.cursor == ("barn", 20011))
        await pilot.press("down")
        await shows(pilot, "Colours")
        await pilot.press("escape", "question_mark", "pagedown")
        await shows(pilot, "↑, f7")
