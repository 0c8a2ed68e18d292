"""What a fleet shows of a node that keeps two tunnels, one of which may be lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.alerts.picture import ONE_PATH, Seems
from checker.alerts.reading import Look, look
from checker.alerts.settings import Settings
from checker.cli.main import run
from checker.config.layout import Layout
from checker.control.fleet_rows import own_paths
from checker.model import NodeName, Port, ProcessId, Registration, Status, Tunnel
from checker.state.rows import Batch
from reversi_tui.__main__ import main
from reversi_tui.reader.gateways import Gateways
from tests.fleet.homes import Words
from tests.fleet.mirrors import LONG_S, at, held_elsewhere, mirror
from tests.reversi_tui.console.states import tunnel, write

Say = Callable[..., Words]
ATTIC = (NodeName("attic"), Port(20010))
HALF = "one of two paths is lost: path 2 is down"
PID_HERE, PID_AT_GW2 = 4000, 4001
"""The processes that hold attic, as `held_elsewhere` has it."""


def registration(pid: int, path: int) -> Registration:
    return Registration(
        node=ATTIC[0],
        instance=f"word.{path}",
        session=ProcessId(pid=pid, start_ticks=777),
        peer="192.0.2.1",
        registered_at=1.0,
    )


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The gateway gw1, which holds path 1 of attic, while gw2 holds path 2."""
    layout = held_elsewhere(tmp_path)
    write(layout, Batch(registrations=(registration(PID_HERE, 1),)))
    mirror(layout, "gw2", Batch(registrations=(registration(PID_AT_GW2, 2),)), time.time() - 1)
    return layout


def lose_path_2(layout: Layout) -> None:
    """Let gw2 see that attic's tunnel is gone."""
    now = time.time()
    lost = replace(
        tunnel("attic", 20010, Status.DOWN, pid=None, detail="nobody listens"), revision=0
    )
    gone = Batch(tunnels=at(now, lost), ended=(registration(PID_AT_GW2, 2),))
    mirror(layout, "gw2", gone, now - 1)


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command on gw1; `once` in front runs `reversi-tui --once`."""

    def told(*words: str) -> Words:
        capsys.readouterr()
        if words[0] == "once":
            code = main(["--home", str(tmp_path), "--once", *words[1:]])
        else:
            code = int(run(["--home", str(tmp_path), *words]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return told


def test_a_lost_path_is_shown_and_the_node_is_not_down(layout: Layout, say: Say) -> None:
    shown = ["status", "attic"], ["where", "attic"], ["once", "--filter", "attic is:fault"]
    assert not any("path" in say(*words)[1] for words in shown)

    lose_path_2(layout)

    assert [say(*words)[1].count("one of two paths is lost") for words in shown] == [1, 1, 1]
    code, out, _ = say("status", "attic", "--json")
    (row,) = json.loads(out)["tunnels"]
    assert (code, row["status"], row["detail"].partition(";")[0]) == (0, "up", HALF)
    code, out, _ = say("where", "attic", "--json")
    (row,) = json.loads(out)["forwards"]
    assert (code, row["gateway"], row["lacks"]) == (0, "gw1", "path 2 is down")
    assert "attic" in say("status", "--filter", "is:fault")[1]


def test_an_alert_tells_a_lost_path_and_no_outage(layout: Layout) -> None:
    assert paths_in(look(layout, Settings(), time.time(), 10.0)) == []

    lose_path_2(layout)

    found = look(layout, Settings(), time.time(), 10.0)
    assert paths_in(found) == ["path 2 is down"]
    fine = [one.seems for one in found.picture.sights if one.place == ATTIC]
    assert fine == [Seems.FINE]


def paths_in(found: Look) -> list[str]:
    assert found.picture.trouble == ""
    return [one.why for one in found.picture.sights if one.place == (ATTIC[0], ONE_PATH)]


def test_the_console_notices_a_path_that_is_lost_and_comes_back(layout: Layout) -> None:
    gateways = Gateways(layout)

    def lacks() -> str:
        now = time.time()
        here: dict[tuple[NodeName, Port], Tunnel] = {
            ATTIC: at(now, tunnel(*ATTIC, pid=PID_HERE))[0]
        }
        gateways.next_look = 0.0
        gateways.poll(here, LONG_S, now)
        _, where = gateways.place(ATTIC, here[ATTIC], now)
        assert where is not None
        return where.lacks

    with closing(gateways):
        assert lacks() == ""
        lose_path_2(layout)
        assert lacks() == "path 2 is down"
        now = time.time()
        back = at(now, tunnel(*ATTIC, pid=PID_AT_GW2))
        mirror(
            layout,
            "gw2",
            Batch(tunnels=back, registrations=(registration(PID_AT_GW2, 2),)),
            now - 1,
        )
        assert lacks() == ""


def test_a_state_file_that_is_missing_has_no_paths(layout: Layout) -> None:
    assert set(own_paths(layout).values()) == {1}

    layout.state.unlink()

    assert own_paths(layout) == {}
