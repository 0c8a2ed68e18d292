"""The console at each size: rows, cursor, filter, sort, sheets, troubles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

from checker.config.layout import Layout, home_layout
from checker.model import Status
from checker.state.rows import Batch, Sweep
from reversi_tui.app import Console
from reversi_tui.rows.report import Daemon
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.detail import Detail
from reversi_tui.screens.main import Main
from reversi_tui.screens.sheet import Sheet
from reversi_tui.widgets.bar import Bar, FilterBar
from reversi_tui.widgets.table import TunnelTable
from tests.registry_samples import register
from tests.reversi_tui.console.screen import SMALL, lines, nodes, running, shows, text, until
from tests.reversi_tui.console.states import (
    EVERY_S,
    FORWARDS,
    NOW,
    SEEN,
    console,
    demo_home,
    forward,
    many,
    open_acts,
    tunnel,
    write,
)

SIZES = [
    pytest.param((80, 24), id="80x24"),
    pytest.param((60, 15), id="60x15"),
    pytest.param((200, 50), id="200x50"),
]


def cursor(app: Console) -> str:
    selected = app.main.table.selected
    return selected.seen.node if selected else ""


def said(app: Console) -> str:
    return " ".join(line for line in lines(app)[-5:])


@pytest.mark.parametrize("size", SIZES)
async def test_every_row_its_state_in_words_and_the_keys_are_seen(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, size):
        shown = text(app)
        for seen in SEEN:
            assert seen.node in shown
            assert str(seen.port) in shown
        for word in (
            "● up",
            "✖ hung",
            "○ down",
            "⊘ refused",
            "≠ wrong",
            "⚑ foreign",
            "? unknown",
        ):
            assert word in shown
        assert "no answer within 5 s" in shown or size[0] < 80
        assert ("4001" in shown and "························" in shown) or size[0] < 200
        assert lines(app)[-1].startswith("enter detail  s shell  p probe")
        assert lines(app)[-1].endswith("? help")
        assert all(len(line) <= size[0] for line in lines(app))


async def test_a_wide_terminal_shows_all_columns(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (200, 50)):
        for words in (
            "127.0.0.1:22",
            "no answer within 5 s",
            "203.0.113.7:40022",
            "42ms",
            "2h",
            "192.168.7.20:443",
        ):
            assert words in text(app)


async def test_arrows_pages_home_and_end_move_the_cursor(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    many(layout, 100)
    app = console(layout)

    async with running(app, SMALL, count=100) as pilot:
        height = app.main.table.size.height
        assert cursor(app) == "node-00000"
        await pilot.press("down", "down", "up")
        assert cursor(app) == "node-00001"
        await pilot.press("pagedown")
        assert cursor(app) == f"node-{1 + height:05d}"
        await pilot.press("pageup")
        assert cursor(app) == "node-00001"
        await pilot.press("end")
        assert cursor(app) == "node-00099"
        await shows(pilot, "node-00099")
        await pilot.press("down", "home")
        assert cursor(app) == "node-00000"
        await shows(pilot, "node-00000")


async def test_a_filter_is_typed_kept_and_cleared_and_the_cursor_keeps_its_row(
    tmp_path: Path,
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, SMALL) as pilot:
        await pilot.press("down", "slash", *"hung")
        await until(pilot, lambda: nodes(app) == ["barn"])
        await pilot.press("enter")
        await shows(pilot, "/hung shows 1")
        assert cursor(app) == "barn"
        await pilot.press("slash", "escape")
        await until(pilot, lambda: len(nodes(app)) == len(FORWARDS))
        assert cursor(app) == "barn"


async def test_a_filter_from_the_command_line_is_shown(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), filter_text="!status:up")

    async with running(app, SMALL) as pilot:
        await shows(pilot, "/!status:up shows 6")
        await pilot.press("escape")
        await until(pilot, lambda: "attic" in nodes(app))


async def test_half_typed_filters_harm_nothing(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, SMALL) as pilot:
        await pilot.press("slash", *"![/(status:")
        await pilot.press("enter")
        assert app.is_running


async def test_sort_by_the_next_column_back_and_reversed_with_an_arrow(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, SMALL) as pilot:
        await shows(pilot, "node↑")
        await pilot.press(*["greater_than_sign"] * 3)
        await shows(pilot, "status↑")
        assert nodes(app)[0] == "barn"
        await pilot.press("O")
        await shows(pilot, "status↓")
        assert nodes(app)[-1] == "barn"
        await pilot.press("less_than_sign")
        await shows(pilot, "target↑")


async def test_the_cursor_stays_on_its_row_when_rows_move_come_and_go(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout, sort_by="status")

    async with running(app, SMALL) as pilot:
        await pilot.press("end")
        assert cursor(app) == "attic"
        write(layout, Batch(tunnels=(replace(SEEN[0], status=Status.HUNG),)))
        register(layout, (forward("aaa", 20001),))
        app.source.wake()
        await until(
            pilot, lambda: len(nodes(app)) == len(FORWARDS) + 1 and nodes(app)[0] == "attic"
        )
        assert cursor(app) == "attic"


async def test_a_row_that_goes_leaves_no_row_selected_until_it_is_back(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    acts = open_acts()
    app = console(layout, acts)
    file = layout.nodes / "barn.toml"

    async with running(app, SMALL) as pilot:
        await pilot.press("down")
        content = file.read_bytes()
        file.unlink()
        app.source.wake()
        await until(pilot, lambda: "barn" not in nodes(app))
        await pilot.press("p")
        await shows(pilot, "no row is selected")
        assert acts.done == []
        file.write_bytes(content)
        app.source.wake()
        await until(pilot, lambda: cursor(app) == "barn")


async def test_detail_tells_everything_and_the_last_events(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (100, 40)) as pilot:
        await pilot.press("down", "enter")
        await shows(pilot, "killed sshd 3999")
        for words in (
            "nothing came before the deadline",
            "no answer within 5 s",
            "banner:SSH-2.0",
            "4001 (start 777)",
            "up -> hung",
        ):
            assert words in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Detail))


async def test_detail_is_kept_fresh(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app, (100, 40)) as pilot:
        await pilot.press("enter")
        await shows(pilot, "the expected response came")
        write(layout, Batch(tunnels=(replace(SEEN[0], status=Status.DOWN),)))
        await shows(pilot, "nobody listens")


async def test_help_comes_from_the_table_of_actions_and_scrolls(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (60, 15)) as pilot:
        await pilot.press("question_mark")
        await shows(pilot, "Kill the sshd process")
        await pilot.press("end")
        await shows(pilot, "no daemon watched")


async def test_a_daemon_that_is_gone_is_told_and_rows_are_stale_with_their_age(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    old = tuple(replace(seen, probed_at=NOW - 180) for seen in SEEN)
    write(layout, Batch(tunnels=old, sweep=Sweep(pid=1, swept_at=NOW - 180, every_s=EVERY_S)))
    app = console(layout, daemon=Daemon.ABSENT)

    async with running(app, SMALL) as pilot:
        await shows(pilot, "daemon not running, swept 3m ago")
        assert text(app).count("z stale 3m") == len(SEEN)
        await shows(pilot, f"z {len(SEEN)} stale ? 1 unknown 7 forwards")
        assert "1 up" not in text(app)


async def test_a_daemon_that_runs_but_writes_nothing_is_told(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    write(layout, Batch(sweep=Sweep(pid=1, swept_at=NOW - 180, every_s=EVERY_S)))
    app = console(layout)

    async with running(app, SMALL) as pilot:
        await shows(pilot, "the daemon runs but has written nothing for 3m (disk full? 12G free)")


async def test_no_state_file_yet(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    register(layout, FORWARDS)
    app = console(layout, daemon=Daemon.ABSENT)

    async with running(app, SMALL) as pilot:
        await shows(pilot, "the daemon was never started here")
        assert text(app).count("? unknown") == len(FORWARDS)


async def test_without_nodes_it_says_how_to_add_one(tmp_path: Path) -> None:
    app = console(home_layout(tmp_path))

    async with running(app, (160, 24), count=0) as pilot:
        await shows(pilot, "node add NAME")
        await pilot.press("down", "k", "enter", "end", "s")
        assert app.is_running


async def test_a_damaged_state_file_leaves_the_last_rows(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app, SMALL) as pilot:
        layout.state.unlink()
        layout.state.write_bytes(b"nothing that SQLite knows of" * 200)
        await shows(pilot, "damaged")
        assert "✖ hung" in text(app)


async def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    layout: Layout = home_layout(tmp_path)
    register(layout, (forward("attic", 20010),))
    hostile = "\x1b]0;x\x07[red]\u202e[/]"
    write(layout, Batch(tunnels=(tunnel("attic", 20010, detail=hostile),)))
    acts = open_acts()
    acts.sentence = "[bold]it[/bold] \x1b[2J said"
    app = console(layout, acts)

    async with running(app, (200, 40), count=1) as pilot:
        await shows(pilot, "\\x1b]0;x\\x07[red]\\u202e[/]")
        await pilot.press("p")
        await shows(pilot, "[bold]it[/bold] \\x1b[2J said")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Detail))
        await shows(pilot, "\\x1b]0;x\\x07[red]")


async def test_ctrl_c_leaves_from_anywhere_and_ctrl_z_does_nothing(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, SMALL) as pilot:
        await pilot.press("ctrl+z")
        assert app.is_running
        await pilot.press("down", "k")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == 0


async def test_a_click_selects_and_never_kills(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app, SMALL) as pilot:
        await pilot.click("#table", offset=(3, 1))
        await until(pilot, lambda: cursor(app) == "barn")

    assert acts.done == []


@pytest.mark.parametrize("owner", [Console, Main, TunnelTable, Bar, FilterBar, Sheet, Confirm])
def test_every_binding_has_an_id_and_says_what_it_does(owner: type[DOMNode]) -> None:
    for binding in owner.BINDINGS:
        assert isinstance(binding, Binding)
        assert binding.id
        assert binding.tooltip


def test_nothing_is_bound_to_what_would_stop_the_process() -> None:
    keys = {
        key
        for owner in (Console, Main, TunnelTable)
        for b in owner.BINDINGS
        if isinstance(b, Binding)
        for key in b.key.split(",")
    }

    assert "ctrl+z" not in keys
