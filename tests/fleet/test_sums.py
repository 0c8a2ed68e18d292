"""How long forwards were up at other gateways: over a real bus, and in the report."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.model import Hour, NodeName, Port, Status, Watched
from checker.rows.uptimes import DAY_S, day_at
from checker.state.rows import Batch
from reversi_tui.__main__ import main
from tests.fleet.buses import WITHIN_S, Station, stations
from tests.programs import require
from tests.registry_samples import register
from tests.reversi_tui.console.states import forward
from tests.system.waiting import until

BARN = (NodeName("barn"), Port(20000))


def saw(station: Station, hour: int, up_s: float) -> None:
    one = Hour(node=BARN[0], port=BARN[1], hour=hour, up_s=up_s, watched_s=3600.0)
    station.store.write(Batch(hours=[one]))


@pytest.mark.usefixtures("sbin")
def test_hours_and_days_come_over_the_bus_and_are_added_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require("nats-server")
    now = time.time()
    hour, yesterday = int(now // 3600), day_at(now - DAY_S)
    with stations(tmp_path, ("gw1", "gw2"), are_started=False) as (gw1, gw2):
        register(gw1.layout, (forward(*BARN),))
        for one, status, up_s in ((gw1, Status.DOWN, 1800.0), (gw2, Status.UP, 1700.0)):
            one.see("barn", status)
            day = Watched(day=yesterday, up_s=up_s, watched_s=3600.0)
            one.store.write(Batch(uptime=[(*BARN, day)]))
        for ago, here_s, there_s in ((5, 3600.0, 0.0), (4, 1800.0, 1700.0), (3, 0.0, 3600.0)):
            saw(gw1, hour - ago, here_s)
            saw(gw2, hour - ago, there_s)
        for one in (gw1, gw2):
            one.start_bus()
            one.start_agent()
        until(
            lambda: len(gw1.read(gw2, lambda mirror: mirror.hours(since_hour=0)) or ()) == 3,
            "the hours of gw2 at gw1",
            within_s=WITHIN_S,
        )
        until(
            lambda: gw1.read(gw2, lambda mirror: mirror.uptime(*BARN, since_day="")),
            "the days of gw2 at gw1",
            within_s=WITHIN_S,
        )

        capsys.readouterr()
        run(["--home", str(gw1.home), "report", "barn", "--json"])
        (reported,) = json.loads(capsys.readouterr().out)["forwards"]
        main(["--home", str(gw1.home), "--once", "--columns", "gateway,day,month"])
        shown = capsys.readouterr().out.splitlines()[1].split()

    assert (reported["up_s"], reported["watched_s"]) == (3500.0, 3600.0)
    assert shown[0] == "gw2"
    assert "_▂_" in shown[1]
    assert shown[2] == "97.22"
