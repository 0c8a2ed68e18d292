"""An admin's own machine that only watches: `fleet serve --watch`, through one gateway's bus."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from checker.config.settings import load_config
from checker.control.fleet_rows import seen_everywhere
from checker.fleet.bus_config import READER
from checker.fleet.bus_files import bus_folder, password_path
from checker.model import NodeName, Port, Status
from checker.state.mirrors import mirrored
from tests.fleet.buses import WITHIN_S, Station, program, stations, until_connected
from tests.fleet.homes import Signer, make_home
from tests.programs import require
from tests.system.waiting import until

BARN = NodeName("barn"), Port(20000)


@pytest.fixture
def fleet(tmp_path: Path, sbin: None) -> Iterator[list[Station]]:
    require("nats-server")
    with redirect_stdout(StringIO()), stations(tmp_path / "bus", ("gw1", "gw2")) as found:
        until_connected(found)
        yield found


def laptop_of(folder: Path, gw1: Station, gateways: list[Station]) -> Layout:
    """Make a machine as docs/fleet.md does: with the cards and the reader's password."""
    anna = Signer(name="anna", key=gw1.home.parent / "people" / "anna")
    layout = home_layout(make_home(folder, "laptop", anna))
    cards = [str(one.layout.fleet / "gateways" / f"{one.id}.toml") for one in gateways]
    with redirect_stdout(StringIO()):
        assert run(["--home", str(layout.home), "fleet", "join", *cards]) == 0
    fleet = load_config(gw1.layout.config).fleet
    assert fleet is not None
    with layout.config.open("a", encoding="utf-8") as file:
        file.write(f"bus_port = {fleet.bus_port}\n")
    bus_folder(layout).mkdir()
    password_path(layout, READER).write_bytes(password_path(gw1.layout, READER).read_bytes())
    return layout


def shown(layout: Layout) -> dict[str, str]:
    """Return status and gateway of barn, as the machine that watches shows it."""
    seen = seen_everywhere(layout, {}, 20.0, time.time())
    if seen is None or BARN not in seen.tunnels:
        return {}
    return {"status": seen.tunnels[BARN].status.value, "gateway": seen.where[BARN].gateway}


def test_a_machine_that_only_watches_shows_all_gateways_and_is_heard_by_none(
    fleet: list[Station], tmp_path: Path
) -> None:
    gw1, gw2 = fleet
    laptop = laptop_of(tmp_path, gw1, fleet)
    home = str(laptop.home)
    words = [sys.executable, "-m", "checker", "--home", home, "fleet", "serve", "--watch"]
    gw2.see("barn", Status.UP)
    with ExitStack() as stack:
        agent = stack.enter_context(program(words, tmp_path, tmp_path / "laptop.log"))
        up = {"status": "up", "gateway": "gw2"}
        until(lambda: shown(laptop) == up, "barn at gw2", within_s=WITHIN_S)

        gw2.see("barn", Status.HUNG)

        hung = {"status": "hung", "gateway": "gw2"}
        until(lambda: shown(laptop) == hung, "the change", within_s=WITHIN_S)
        assert agent.poll() is None
        until_connected(fleet)
        assert set(mirrored(laptop)) == {gw1.id, gw2.id}
        assert set(mirrored(gw1.layout)) == {gw2.id}
        agent.terminate()
        assert agent.wait(150) == 0
    said = (tmp_path / "laptop.log").read_text(encoding="utf-8")
    assert "on the bus as laptop" in said
    assert "Traceback" not in said


def test_without_the_readers_password_the_machine_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = make_home(tmp_path, "laptop")

    code = run(["--home", str(home), "fleet", "serve", "--watch"])

    assert code == 2
    assert "reader.password" in capsys.readouterr().err
