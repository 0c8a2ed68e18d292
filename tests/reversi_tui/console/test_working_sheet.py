"""The sheet at work: its keys act on its row, and walk the rows; the line below the table."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from rich.text import Text

from checker.config.layout import home_layout
from checker.model import Event, EventKind, NodeName, Status, Verb
from checker.state.rows import Batch
from reversi_tui.rows.sheet_tabs import Tab
from reversi_tui.screens.asking import Ask
from reversi_tui.screens.beside import RESTED_S
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.detail import Detail
from reversi_tui.screens.help import Help
from reversi_tui.settings.preferences import Command
from reversi_tui.widgets.block import differing
from tests.registry_samples import register
from tests.reversi_tui.console.screen import lines, log, nodes, running, shows, text, until
from tests.reversi_tui.console.states import (
    NOW,
    SEEN,
    console,
    demo_home,
    forward,
    open_acts,
    sweep,
    tunnel,
    write,
)

WIDE = (200, 50)


async def test_an_act_in_the_sheet_is_about_its_row_and_leaves_marks_alone(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("a", "down", "down", "down", "up", "up", "enter")
        await until(pilot, lambda: isinstance(app.screen, Detail))
        marked = set(app.main.view.marks)
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await shows(pilot, "node barn")
        await shows(pilot, "The 6 marked rows are left alone")
        await pilot.press("y")
        await shows(pilot, "barn port 20011: sshd 4001 ended, port 20011 is free")
        assert isinstance(app.screen, Detail)
        assert app.main.view.marks == marked
        await pilot.press("p")
        await until(pilot, lambda: len(acts.done) == 2)

    assert [(verb, aim.node) for verb, aim in acts.done] == [
        (Verb.KILL, "barn"),
        (Verb.PROBE, "barn"),
    ]


async def test_keys_of_the_row_open_what_they_open_at_the_table(tmp_path: Path) -> None:
    ping = Command(name="ping", key="f5", title="Ping", argv=("true",))
    app = console(demo_home(tmp_path), commands=(ping,))

    async with running(app) as pilot:
        await pilot.press("down", "enter", "T")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await shows(pilot, "Tags of barn")
        await pilot.press("escape", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, Help))
        await pilot.press("escape", "f5")
        await shows(pilot, "Ping?")
        await pilot.press("y")
        await until(pilot, lambda: "barn port 20011: true" in log(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_a_sentence_is_in_the_sheet_until_the_next_key(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("down", "down", "enter", "k")
        await shows(pilot, "cellar port 20012: no sshd process is known to hold the port")
        await pilot.press("2")
        await until(pilot, lambda: "no sshd process is known" not in text(app))


async def test_brackets_walk_the_rows_of_the_view(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("f", "down", "enter", "4")
        await shows(pilot, "cellar port 20012 2 of 6")
        await pilot.press("right_square_bracket")
        await shows(pilot, "dock port 20013 3 of 6")
        await shows(pilot, "port = 20013")
        await pilot.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        await shows(pilot, "barn port 20011 1 of 6")
        await shows(pilot, "this is the first row of the view")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.table.cursor == ("barn", 20011)


async def test_a_row_that_leaves_the_view_keeps_its_sheet_and_its_keys(tmp_path: Path) -> None:
    acts = open_acts()
    layout = demo_home(tmp_path)
    app = console(layout, acts)

    async with running(app) as pilot:
        await pilot.press("f", "down", "enter")
        await shows(pilot, "cellar port 20012 2 of 6")
        write(layout, Batch(tunnels=(tunnel("cellar", 20012, pid=4002),)))
        await until(pilot, lambda: "cellar" not in nodes(app))
        await shows(pilot, "cellar port 20012 not in this view")
        await pilot.press("p")
        await until(pilot, lambda: acts.done)
        assert acts.done[0][1].node == "cellar"
        await pilot.press("right_square_bracket")
        await shows(pilot, "dock port 20013 2 of 5")


async def test_nothing_is_done_to_another_row_once_the_sheets_own_is_gone(tmp_path: Path) -> None:
    acts = open_acts()
    layout = demo_home(tmp_path)
    app = console(layout, acts)

    async with running(app) as pilot:
        await pilot.press("down", "enter")
        await shows(pilot, "barn port 20011")
        (layout.nodes / "barn.toml").unlink()
        app.source.wake()
        await shows(pilot, "gone; this is what was known last")
        await pilot.press("p")
        await shows(pilot, "no row is selected")
    assert acts.done == []


async def test_a_read_only_console_acts_in_no_sheet(tmp_path: Path) -> None:
    acts = open_acts(read_only=True)
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("down", "enter", "k")
        await shows(pilot, "this console is read-only: kill is off")
        assert "k kill" not in lines(app)[-2]


async def test_arrows_and_digits_turn_the_tabs(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("enter", "left")
        sheet = app.screen
        assert isinstance(sheet, Detail)
        assert sheet.tab is Tab.RAW
        await shows(pilot, "start_ticks=777")
        await pilot.press("right", "tab", "3")
        await shows(pilot, "days with losses")


@pytest.mark.parametrize(
    ("size", "count"), [((60, 15), 1), ((80, 24), 1), ((120, 40), 2)], ids=["60", "80", "120"]
)
async def test_the_line_of_the_selected_row_is_above_the_keys(
    tmp_path: Path, size: tuple[int, int], count: int
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, size) as pilot:
        await pilot.press("down")
        await until(pilot, lambda: lines(app)[-1 - count].startswith("barn  "))
        await shows(pilot, "no answer within 5 s")
        assert lines(app)[-1].startswith("enter detail")
        await pilot.press("slash", *"zzz")
        await until(pilot, lambda: not lines(app)[-1 - count].strip())


async def test_the_last_peer_of_a_row_that_is_down_is_read_once_the_cursor_rests(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    held = Event(
        at=NOW - 9000,
        kind=EventKind.HOLD,
        text="bundle-0.1.0, instance b2 connected from 203.0.113.9:40022",
        node=NodeName("cellar"),
    )
    write(layout, Batch(events=(held,)))
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("down", "down")
        await shows(pilot, "last peer 203.0.113.9:40022")
    assert RESTED_S < 1


async def test_the_side_pane_shows_the_sheet_of_the_row_under_the_cursor(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, WIDE) as pilot:
        await pilot.press("down", "backslash")
        await shows(pilot, "killed sshd 3999")
        assert "banner:SSH-2.0" in text(app)
        await pilot.press("down", "down")
        await until(pilot, lambda: "dock port 20013" in text(app))
        await until(pilot, lambda: "killed sshd 3999" not in text(app))
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "dock port 20013" not in text(app))
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: "dock port 20013" in text(app))
        await pilot.press("backslash")
        await until(pilot, lambda: "dock port 20013" not in text(app))


async def test_the_side_pane_reads_the_rest_if_the_cursor_had_rested_before(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, WIDE) as pilot:
        await pilot.press("down")
        await until(pilot, lambda: app.main.beside.resting is None)
        await pilot.press("backslash")
        await shows(pilot, "killed sshd 3999")


async def test_a_narrow_terminal_says_that_the_pane_has_no_room(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (120, 40)) as pilot:
        await pilot.press("backslash")
        await shows(pilot, "the side pane needs 160 columns, this terminal has 120; enter opens")


async def test_an_unfolded_node_shows_all_its_forwards(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    register(layout, (forward("attic", 20010), forward("attic", 20110)))
    second = replace(SEEN[0], port=SEEN[1].port, status=Status.HUNG)
    write(layout, Batch(tunnels=(SEEN[0], replace(second, port=20110)), sweep=sweep()))  # type: ignore[arg-type]
    acts = open_acts()
    app = console(layout, acts, grouped=True)

    async with running(app, count=2) as pilot:
        await pilot.press("enter")
        await shows(pilot, "attic: 2 forwards 1 of 1")
        await pilot.press("p")
        await until(pilot, lambda: len(acts.done) == 2)


@pytest.mark.parametrize(
    ("old", "new", "width"),
    [
        pytest.param("same", "same", 0, id="the same"),
        pytest.param("barn 1  up", "barn 2  up", 6, id="one cell"),
        pytest.param("long line", "long", 9, id="shorter"),
        pytest.param("", "new", 3, id="a new line"),
    ],
)
def test_a_line_is_painted_as_far_as_it_differs(old: str, new: str, width: int) -> None:
    assert differing(Text(old), Text(new)) == width


def test_a_cell_of_another_style_differs() -> None:
    styled = Text("barn")
    styled.stylize("bold", 1, 2)

    assert differing(Text("barn"), styled) == 2


async def test_work_that_a_later_one_replaces_before_it_begins_is_never_begun(
    tmp_path: Path,
) -> None:
    begun: list[str] = []

    async def work(name: str) -> None:
        begun.append(name)

    app = console(demo_home(tmp_path))
    async with running(app) as pilot:
        app.main.desk.start(partial(work, "first"), group="once", alone=True)
        app.main.desk.start(partial(work, "second"), group="once", alone=True)
        await until(pilot, lambda: bool(begun))

    assert begun == ["second"]
