"""The two lines at the top of the console."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.model import Machine
from checker.model.drain import Drain
from checker.state.drain_file import write_drain
from checker.state.rows import Batch
from reversi_tui.app import Console
from reversi_tui.rows.report import Daemon, Health
from reversi_tui.widgets.looks import Looks
from reversi_tui.widgets.status import Count, GatewayLine, with_words
from tests.reversi_tui.console.screen import lines, running, shows, until
from tests.reversi_tui.console.states import (
    NOW,
    console,
    demo_home,
    open_acts,
    sweep,
    write,
)


def gateway_line(health: Health, *, read_only: bool = False) -> GatewayLine:
    return GatewayLine(
        layout=home_layout(Path("/srv/gate")),
        host="gw1",
        health=health,
        now=NOW,
        looks=Looks("terminal"),
        read_only=read_only,
    )


def columns(app: Console) -> list[str]:
    return [place.column.id for place in app.main.table.columns]


async def test_the_header_shows_the_daemon_the_sweep_waiting_logins_and_the_disk(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    write(layout, Batch(sweep=replace(sweep(), logins_waiting=7)))
    app = console(layout)

    async with running(app) as pilot:
        await shows(pilot, "gw1 daemon running disk 12G free logins 7 waiting")


@pytest.mark.parametrize(
    ("width", "read_only", "first"),
    [
        pytest.param(60, False, "reversi gw1 daemon running disk 12G free logins 7", id="60"),
        pytest.param(
            60, True, "reversi READ-ONLY daemon running disk 12G logins 7", id="60, read-only"
        ),
        pytest.param(
            80, False, "reversi gw1 daemon running disk 12G free logins 7 waiting", id="80"
        ),
    ],
)
async def test_the_header_says_it_in_few_words_where_it_is_narrow(
    tmp_path: Path, width: int, first: str, *, read_only: bool
) -> None:
    layout = demo_home(tmp_path)
    write(layout, Batch(sweep=replace(sweep(), logins_waiting=7)))
    app = console(layout, open_acts(read_only=read_only))

    async with running(app, (width, 15)) as pilot:
        await until(pilot, lambda: first in " ".join(lines(app)[0].split()))


def test_no_waiting_login_and_a_fresh_sweep_are_not_mentioned() -> None:
    health = Health(daemon=Daemon.RUNNING, sweep=sweep(), logins_waiting=0)

    line = gateway_line(health).fitted(100).plain

    assert line.split() == ["reversi", "gw1", "/srv/gate", "daemon", "running"]
    assert line.endswith(" daemon running ")
    assert len(line) == 100


def test_a_gateway_of_a_fleet_is_named_by_its_id_too() -> None:
    health = Health(daemon=Daemon.RUNNING, sweep=sweep(), gateway="west")

    assert gateway_line(health).fitted(80).plain.startswith("reversi gw1 (west) ")
    assert gateway_line(health).fitted(32).plain.startswith("reversi (west) ")


def test_a_gateway_that_drains_says_so_even_where_it_is_narrow() -> None:
    health = Health(daemon=Daemon.RUNNING, sweep=sweep(), draining=True)

    for width in (20, 80):
        assert " drains " in gateway_line(health).fitted(width).plain


async def test_the_header_shows_a_drain_while_it_lasts(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    write_drain(layout.drain, Drain(at=NOW, by="anna", boot="", uptime_s=1.0))

    app = console(layout, open_acts())

    async with running(app, (80, 15)) as pilot:
        await until(pilot, lambda: " drains " in lines(app)[0])
        write_drain(layout.drain, None)
        await until(pilot, lambda: " drains " not in lines(app)[0])


def test_a_sweep_that_is_late_is_an_alarm_with_its_age() -> None:
    health = Health(daemon=Daemon.RUNNING, sweep=replace(sweep(), swept_at=NOW - 300))

    shown = gateway_line(health).fitted(100)

    alarm = Looks("terminal").palette.alarm
    assert [shown.plain[span.start : span.end] for span in shown.spans if span.style == alarm] == [
        " daemon running, swept 5m ago "
    ]


@pytest.mark.parametrize(
    ("daemon", "logins", "disk", "width", "words"),
    [
        (Daemon.RUNNING, 7, 90e6, 45, "reversi READ-ONLY disk 90M logins 7"),
        (Daemon.ABSENT, 150, 90e6, 62, "READ-ONLY daemon not running, swept <1m ago disk 90M"),
        (Daemon.RUNNING, 150, 12e9, 45, "reversi READ-ONLY disk 12G logins 150"),
    ],
)
def test_what_is_well_leaves_a_narrow_header_before_any_alarm(
    daemon: Daemon, logins: int, disk: int, width: int, words: str
) -> None:
    health = Health(daemon=daemon, sweep=sweep(), logins_waiting=logins, disk_free_bytes=int(disk))

    line = gateway_line(health, read_only=True).fitted(width).plain

    assert " ".join(line.split()) == words


@pytest.mark.parametrize(
    ("daemon", "alarms"),
    [(Daemon.RUNNING, False), (Daemon.ABSENT, True), (Daemon.UNREACHABLE, True)],
)
def test_a_daemon_that_does_not_answer_is_an_alarm(daemon: Daemon, *, alarms: bool) -> None:
    shown = gateway_line(Health(daemon=daemon, sweep=sweep())).fitted(120)

    alarm = Looks("terminal").palette.alarm
    styled = [shown.plain[span.start : span.end] for span in shown.spans if span.style == alarm]
    assert any(daemon.value in words for words in styled) is alarms


MACHINE = Machine(
    cores=2,
    load=0.42,
    memory=4 << 30,
    memory_left=2 << 30,
    processes=200,
    most_processes=32768,
)


@pytest.mark.parametrize(
    ("machine", "width", "says"),
    [
        pytest.param(
            MACHINE,
            160,
            "load 0.4, memory 2.1G free, room for about 640 more tunnels",
            id="in full",
        ),
        pytest.param(MACHINE, 70, "load 0.4, memory 2.1G   daemon running ", id="in short"),
        pytest.param(MACHINE, 40, "reversi gw1              daemon running ", id="left out"),
        pytest.param(replace(MACHINE, memory_left=1 << 20), 45, "memory 1.0M", id="an alarm"),
    ],
)
def test_the_header_shows_the_machines_load_and_room(
    machine: Machine, width: int, says: str
) -> None:
    health = Health(daemon=Daemon.RUNNING, sweep=sweep(), machine=machine)

    assert says in gateway_line(health).fitted(width).plain


COUNTS = (
    Count("!", 3, "hung"),
    Count("-", 2, "down"),
    Count("•", 1600, "up"),
    Count("‖", 4, "disabled", needs_word=True),
)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        pytest.param(60, "  ! 3 hung  - 2 down  • 1,600 up  ‖ 4 disabled", id="all words"),
        pytest.param(44, "  ! 3 hung  - 2 down  • 1,600 up  4 disabled", id="one sign less"),
        pytest.param(43, "  ! 3 hung  - 2 down  •1,600  4 disabled", id="one word less"),
        pytest.param(35, "  ! 3 hung  -2  •1,600  4 disabled", id="the worst keeps its word"),
        pytest.param(10, "  !3  -2  •1,600  4 disabled", id="no word"),
    ],
)
def test_the_last_words_of_the_counts_go_first(width: int, line: str) -> None:
    assert with_words(COUNTS, width).plain == line


@pytest.mark.parametrize("width", range(40, 130, 5))
def test_a_cell_more_never_takes_words_away(width: int) -> None:
    gateway = gateway_line(
        Health(
            daemon=Daemon.RUNNING,
            sweep=sweep(),
            machine=MACHINE,
            logins_waiting=7,
            disk_free_bytes=12_000_000_000,
        )
    )

    less, more = (
        len(" ".join(gateway.fitted(cells).plain.replace("/srv/gate", "").split()))
        for cells in (width, width + 5)
    )

    assert less <= more <= width + 5
