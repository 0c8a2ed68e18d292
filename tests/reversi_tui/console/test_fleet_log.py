"""The event log of a fleet: the events of three gateways as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.model import Event, EventKind, NodeName, Port
from checker.model.gateway_id import GatewayId
from checker.state.mirrors import mirror_path
from checker.state.rows import Batch
from reversi_tui.app import Console
from reversi_tui.reader import event_sources
from reversi_tui.screens.event_log import EventLog
from tests.fleet.mirrors import held_elsewhere, mirror
from tests.reversi_tui.console.screen import lines, running, shows, text, until
from tests.reversi_tui.console.states import NOW, dependencies, write
from tests.reversi_tui.console.tmux import console_words, tmux

BARN = NodeName("barn")


def event(number: int, kind: EventKind = EventKind.STATUS, ago: float = 0.0) -> Event:
    at = NOW - 500 + number - ago
    return Event(at=at, kind=kind, text=f"number {number}", node=BARN, port=Port(20011))


def happen(layout: Layout, gateway: str, *events: Event) -> None:
    if gateway == "gw1":
        write(layout, Batch(events=events))
    else:
        mirror(layout, gateway, Batch(events=events), NOW)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = held_elsewhere(tmp_path / "gateway", now=NOW)
    happen(made, "gw1", event(1), event(4))
    happen(made, "gw2", event(2, EventKind.KILL), event(5))
    happen(made, "gw3", event(3))
    return made


def log_of(app: Console) -> EventLog:
    assert isinstance(app.screen, EventLog)
    return app.screen


def shown(app: Console) -> Sequence[str]:
    """Each event in memory, with its gateway."""
    return [f"{gateway} {event.text}" for event, gateway in log_of(app).window.lines]


def gateways_in(folder: Path) -> list[str]:
    """The gateway of each event in the file that was written."""
    (path,) = folder.glob("reversi-events-*.txt")
    return [line.split()[2] for line in path.read_text().splitlines()]


ALL = [f"gw{gateway} number {n}" for n, gateway in enumerate((1, 2, 3, 1, 2), start=1)]


async def test_events_of_all_gateways_are_one_log_that_follows(layout: Layout) -> None:
    app = Console(dependencies(layout))

    async with running(app, (120, 40), count=3) as pilot:
        await pilot.press("v")
        await shows(pilot, "Event log: all 5 events following")
        assert shown(app) == ALL
        assert lines(app)[1].split()[:4] == ["time", "gateway", "kind", "node"]
        assert any("gw3" in line and "number 3" in line for line in lines(app)[2:8])
        happen(layout, "gw3", event(6))
        await shows(pilot, "gw3 status barn:20011 daemon: number 6")
        await pilot.press("up")
        happen(layout, "gw2", event(7), event(8))
        await shows(pilot, "2 new ↓")
        await pilot.press("end")
        await shows(pilot, "following")


async def test_what_another_gateway_tells_late_comes_to_its_place(layout: Layout) -> None:
    app = Console(dependencies(layout))

    async with running(app, (120, 40), count=3) as pilot:
        await pilot.press("v")
        await shows(pilot, "5 events following")
        happen(layout, "gw3", event(9, ago=5.5))
        await shows(pilot, "6 events following")
        assert shown(app) == [*ALL[:3], "gw3 number 9", *ALL[3:]]


async def test_the_filter_has_the_gateway_and_so_has_what_is_written(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = Console(dependencies(layout))

    async with running(app, (80, 24), count=3) as pilot:
        await pilot.press("v", "slash", *"gateway:gw2", "enter")
        await until(pilot, lambda: shown(app) == [ALL[1], ALL[4]])
        await pilot.press("w")
        await shows(pilot, "wrote 2 events to")
        await pilot.press("1", "slash", *"gateway:gw1|gw3", "enter")
        await until(pilot, lambda: shown(app) == [ALL[0], ALL[2], ALL[3]])
        await pilot.press("2")
        await until(pilot, lambda: shown(app) == [ALL[1]])

    assert gateways_in(tmp_path) == ["gw2", "gw2"]


async def test_pages_of_all_gateways_are_read_as_the_cursor_comes_near(layout: Layout) -> None:
    for place, gateway in enumerate(("gw1", "gw2", "gw3")):
        events = (event(number) for number in range(10 + place, 3010, 3))
        happen(layout, gateway, *(replace(one, at=one.at - 4000) for one in events))
    app = Console(dependencies(layout))

    async with running(app, (120, 40), count=3) as pilot:
        await pilot.press("v")
        await until(pilot, lambda: app.screen is not app.main and len(shown(app)) == 600)
        await pilot.press("home")
        await until(pilot, lambda: shown(app)[0] == "gw1 number 10")
        for count in (1100, 1600):
            log_of(app).list.select(len(shown(app)) - 1)
            await until(pilot, lambda count=count: len(shown(app)) == count)  # type: ignore[misc]
        texts = [one.rsplit(" ", 1)[1] for one in shown(app)]
        assert texts == [str(number) for number in range(10, 1610)]
        await pilot.press("end")
        await until(pilot, lambda: shown(app)[-5:] == ALL and log_of(app).window.follows)


async def test_an_event_leads_to_its_row_wherever_that_is_now(layout: Layout) -> None:
    app = Console(dependencies(layout))

    async with running(app, (120, 40), count=3) as pilot:
        await pilot.press("v")
        await shows(pilot, "following")
        await pilot.press("up", "enter")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.table.cursor == (BARN, 20011)
        await shows(pilot, "the event is gw1's; barn is at gw2 now")
        await pilot.press("E")
        await shows(pilot, "Event log: node:=barn 5 events")


async def test_a_mirror_that_is_lost_is_named_and_one_that_comes_is_read(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_sources, "LOOK_EVERY_S", 0.2)
    lost = mirror_path(layout, GatewayId("gw3"))
    app = Console(dependencies(layout))

    async with running(app, (120, 40), count=3) as pilot:
        await pilot.press("v")
        await shows(pilot, "5 events following")
        content = lost.read_bytes()
        lost.write_bytes(b"no database" * 1000)
        lost.rename(lost.with_suffix(".aside"))
        lost.write_bytes(b"no database" * 1000)
        await shows(pilot, "without gw3")
        assert shown(app) == [one for one in ALL if "gw3" not in one]
        lost.unlink()
        lost.write_bytes(content)
        await shows(pilot, "5 events following")
        assert "without" not in text(app)
        happen(layout, "gw4", event(6))
        await shows(pilot, "6 events following")


async def test_here_shows_only_this_gateways_events(layout: Layout) -> None:
    app = Console(replace(dependencies(layout), only_here=True))

    async with running(app, (120, 40), count=3) as pilot:
        await pilot.press("v")
        await shows(pilot, "2 events following")
        assert "gateway" not in lines(app)[1]


def test_what_gw2_saw_by_real_keys_in_a_real_terminal(layout: Layout, tmp_path: Path) -> None:
    assert layout.home is not None
    with tmux(tmp_path, console_words(layout.home), size=(80, 24)) as terminal:
        terminal.shows("attic", "? help")
        terminal.press("v")
        terminal.shows("time gateway kind node text", "gw3 status", "5 events following")
        terminal.press("/")
        terminal.type("gateway:gw2 kind:kill")
        terminal.press("Enter")
        terminal.shows("1 event following", "gw2 kill barn:20011 number 2")
        terminal.press("Enter", "Enter")
        terminal.shows("barn port 20011", "esc")
