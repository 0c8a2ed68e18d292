"""The event log: what is shown, following, filters, and the way to a row and back."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from checker.model import Event, EventKind, NodeName, Port, Status
from checker.state.rows import Batch
from checker.state.store import open_store
from reversi_tui.app import Console
from reversi_tui.screens.event_log import EventLog
from reversi_tui.screens.help import Help
from tests.reversi_tui.console.screen import lines, nodes, running, shows, text, until
from tests.reversi_tui.console.states import EVENTS, NOW, console, demo_home, write

DOCK = NodeName("dock")


def event(number: int, kind: EventKind = EventKind.STATUS, **more: object) -> Event:
    return Event(at=NOW - 500 + number / 10, kind=kind, text=f"number {number}", **more)  # type: ignore[arg-type]


def some(first: int, last: int) -> tuple[Event, ...]:
    return tuple(event(number, node=DOCK, port=Port(20013)) for number in range(first, last + 1))


def log_of(app: Console) -> EventLog:
    assert isinstance(app.screen, EventLog)
    return app.screen


def ids(app: Console) -> Sequence[int]:
    return [event.id for event, _ in log_of(app).window.lines]


async def test_the_log_follows_at_its_end_and_counts_what_comes_elsewhere(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    write(layout, Batch(events=some(1, 40)))
    app = console(layout)

    async with running(app, (80, 24)) as pilot:
        await pilot.press("v")
        await shows(pilot, "Event log: all 42 events following")
        write(layout, Batch(events=(event(41, EventKind.KILL, actor="op2"),)))
        await shows(pilot, "op2: number 41")
        await pilot.press("up", "up")
        before = lines(app)[3:15]
        write(layout, Batch(events=some(42, 53)))
        await shows(pilot, "12 new ↓")
        assert lines(app)[3:15] == before
        await pilot.press("end")
        await shows(pilot, "number 53")
        await shows(pilot, "following")
        await pilot.press("home")
        await shows(pilot, "barn:20011 daemon: up -> hung")
        await pilot.press("v")
        await until(pilot, lambda: app.screen is app.main)


async def test_pages_are_read_as_the_cursor_comes_near(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    write(layout, Batch(events=some(1, 3000)))
    app = console(layout)

    async with running(app, (80, 24)) as pilot:
        await pilot.press("v")
        await until(pilot, lambda: app.screen is not app.main and len(ids(app)) == 600)
        await pilot.press("home")
        await until(pilot, lambda: ids(app)[0] == 1)
        log_of(app).list.select(599)
        await until(pilot, lambda: len(ids(app)) == 1100)
        await pilot.press("end")
        await until(pilot, lambda: ids(app)[-1] == 3002 and log_of(app).window.follows)


async def test_a_filter_narrows_it_as_it_is_typed_and_names_a_mistake(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    write(layout, Batch(events=(event(7, EventKind.SHELL, actor="ada"), *some(8, 9))))
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("v", "slash", *"actor:ada")
        await until(pilot, lambda: len(ids(app)) == 1)
        await pilot.press("enter", "4")
        await shows(pilot, "Event log: people 1 event")
        await pilot.press("2")
        await shows(pilot, "Event log: kills 1 event")
        await pilot.press("slash", *"|clam", "enter")
        await shows(pilot, "there is no kind of event 'clam'; did you mean 'claim'?")
        await pilot.press("3")
        await shows(pilot, "no events are like that; 1 shows all")


async def test_what_rows_are_now_filters_events_too(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    write(layout, Batch(events=some(1, 3)))
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("v", "slash", *"is:refused", "enter")
        await until(pilot, lambda: len(ids(app)) == 3)
        await pilot.press("1")
        await until(pilot, lambda: len(ids(app)) == 5)


async def test_a_row_opens_the_log_of_its_node_and_an_event_leads_to_its_row(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    write(layout, Batch(events=some(1, 3)))
    app = console(layout, filter_text="status:hung", faults_only=True)

    async with running(app) as pilot:
        assert nodes(app) == ["barn"]
        await pilot.press("E")
        await shows(pilot, "Event log: node:=barn 2 events")
        await pilot.press("1")
        await until(pilot, lambda: len(ids(app)) == 5)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        await shows(pilot, "the filter is cleared, so that the row is shown")
        assert app.main.table.cursor == ("dock", 20013)


async def test_an_event_leads_into_a_folded_node(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), grouped=True)

    async with running(app) as pilot:
        await pilot.press("v")
        await shows(pilot, "following")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        assert (app.main.table.cursor or ("",))[0] == "barn"


async def test_an_event_without_a_row_says_so(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app) as pilot:
        write(layout, Batch(events=(event(1, EventKind.GATEWAY),)))
        await pilot.press("v")
        await shows(pilot, "3 events")
        await pilot.press("enter")
        await shows(pilot, "this event is the gateway's: it has no row")
        write(layout, Batch(events=(event(2, node=NodeName("lost\x1b[1m")),)))
        await shows(pilot, "4 events")
        await pilot.press("enter")
        await shows(pilot, "lost\\x1b[1m has no row any more")


def written(folder: Path) -> list[Path]:
    return list(folder.glob("reversi-events-*.txt"))


async def test_what_is_shown_is_written_to_a_new_file_for_us_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = demo_home(tmp_path / "gateway")
    write(layout, Batch(events=some(1, 700)))
    monkeypatch.chdir(tmp_path)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("v", "slash", *"node:dock", "enter", "w")
        await shows(pilot, "wrote 700 events to")
        await pilot.press("1", "w")
        await shows(pilot, "wrote 702 events to")

    first, second = sorted(written(tmp_path), key=lambda path: len(path.name))
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert len(first.read_text().splitlines()) == 700
    assert second.name.endswith("-2.txt")
    assert "killed sshd 3999" in second.read_text().splitlines()[1]


async def test_without_an_event_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = console(demo_home(tmp_path / "gateway"))

    async with running(app) as pilot:
        await pilot.press("v", "slash", *"nowhere", "enter", "w")
        await shows(pilot, "nothing to write: the log shows no event")

    assert not written(tmp_path)


async def test_its_help_has_its_own_keys(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (100, 50)) as pilot:
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, EventLog))
        await pilot.press("question_mark")
        await shows(pilot, "Go to the newest event, and follow")
        await shows(pilot, "One event down")
        assert isinstance(app.screen, Help)
        (title, _), *_ = app.screen.sections
        assert title == "Event log"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, EventLog))


async def test_without_a_state_file_what_is_shown_stays_and_a_new_file_is_followed(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path / "gateway")
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("v")
        await shows(pilot, "2 events following")
        shutil.move(tmp_path / "gateway", tmp_path / "elsewhere")
        await shows(pilot, "what is shown stays")
        assert "up -> hung" in text(app)
        shutil.move(tmp_path / "elsewhere", tmp_path / "gateway")
        await until(pilot, lambda: "what is shown stays" not in text(app))
        layout.state.rename(tmp_path / "aside")
        open_store(layout.state).close()
        write(layout, Batch(events=(*EVENTS, event(3, node=DOCK))))
        await shows(pilot, "3 events following")


async def test_what_this_console_did_is_in_the_log(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        app.main.note("said by a test")
        await pilot.press("v", "5")
        await shows(pilot, "What this console did")
        await shows(pilot, "said by a test")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, EventLog))


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 50)])
async def test_no_text_of_an_event_has_markup_and_every_size_shows_it(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    layout = demo_home(tmp_path)
    bad = Event(at=NOW, kind=EventKind.REFUSED, text="[bold]\x1b]0;x\x07é", node=DOCK, actor="[a]")
    write(layout, Batch(events=(bad,)))
    app = console(layout)

    async with running(app, size) as pilot:
        await pilot.press("v")
        await shows(pilot, "[a]: [bold]\\x1b]0;x\\x07\\xe9")
        assert Status.REFUSED in text(app)


async def test_an_ascii_terminal_gets_only_ascii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "linux")
    layout = demo_home(tmp_path)
    write(layout, Batch(events=(event(1, node=NodeName("a-long-name-of-a-node-of-ours")),)))
    app = console(layout)

    async with running(app, (80, 24)) as pilot:
        await pilot.press("v", "up")
        await shows(pilot, "number 1")
        write(layout, Batch(events=some(2, 3)))
        await shows(pilot, "2 new")
        assert all(line.isascii() for line in lines(app)), text(app)
