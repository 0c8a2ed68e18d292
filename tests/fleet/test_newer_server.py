"""The essential tests of the bus once more, on a nats-server of today; and one beside an old one.

Elsewhere the suite runs on the one of the system, which is 2.9.10 in Debian 12.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from checker.config.settings import load_config
from checker.doctor.examine_bus import bus_facts
from checker.doctor.findings import findings
from checker.fleet.bus_config import CONFIG_FILE
from checker.fleet.bus_files import bus_folder, nats_version
from checker.model import Status
from tests.checker.doctor.gateways import WELL, changed
from tests.fleet.buses import WITHIN_S, Station, stations, until_connected
from tests.fleet.servers import found_first, newer_server
from tests.fleet.test_bus import (
    test_a_member_cannot_speak_for_another_one_at_an_honest_server,
    test_a_server_whose_certificate_is_on_no_card_gets_no_route,
    test_an_agent_gets_over_a_nats_server_that_hung,
    test_only_the_loopback_takes_clients_and_nothing_watches_the_server,
    test_what_changes_at_one_gateway_appears_in_the_mirrors_of_the_others,
)
from tests.programs import require
from tests.system.waiting import until

__all__ = [
    "test_a_member_cannot_speak_for_another_one_at_an_honest_server",
    "test_a_server_whose_certificate_is_on_no_card_gets_no_route",
    "test_an_agent_gets_over_a_nats_server_that_hung",
    "test_only_the_loopback_takes_clients_and_nothing_watches_the_server",
    "test_what_changes_at_one_gateway_appears_in_the_mirrors_of_the_others",
]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, sbin: None) -> Iterator[list[Station]]:
    folder = tmp_path_factory.mktemp("newer")
    with ExitStack() as stack:
        with redirect_stdout(StringIO()), found_first(newer_server(), folder / "bin"):
            found = stack.enter_context(stations(folder, ("gw1", "gw2", "gw3")))
        until_connected(found)
        yield found


def config(station: Station) -> str:
    return (bus_folder(station.layout) / CONFIG_FILE).read_text(encoding="utf-8")


def test_it_flushes_each_write_and_doctor_has_nothing_to_warn_of(
    fleet: list[Station], tmp_path: Path
) -> None:
    gw1 = fleet[0]
    until_connected(fleet)

    with found_first(newer_server(), tmp_path / "bin"):
        facts = bus_facts(gw1.layout, load_config(gw1.layout.config))

    assert facts is not None
    assert facts.version is not None
    assert facts.version >= (2, 14, 0)
    assert "sync_interval: always" in config(gw1)
    log = (gw1.home / "nats.log").read_text(encoding="utf-8")
    assert f"Version:  {'.'.join(map(str, facts.version))}" in log
    assert "Starting JetStream" in log
    told = [
        (one.name, one.ok, one.sentence)
        for one in findings(changed(WELL, {"bus": facts}))
        if one.name in ("bus", "nats-server")
    ]
    assert told == [("bus", True, "it hears 2 other gateways")]


def test_gateways_with_an_old_and_a_new_server_hear_each_other(tmp_path: Path, sbin: None) -> None:
    require("nats-server")
    newer = newer_server()
    with redirect_stdout(StringIO()), stations(tmp_path, ("gw1", "gw2"), are_started=False) as both:
        old, new = both
        before = nats_version()
        old.start_bus()
        with found_first(newer, tmp_path / "bin"):
            assert nats_version() != before
            new.start_bus()
        for one in both:
            one.start_agent()
        until_connected(both)
        old.see("barn", Status.UP)
        new.see("office", Status.DOWN)

        until(lambda: new.rows_of(old) == {"barn": "up"}, "barn", within_s=WITHIN_S)
        until(lambda: old.rows_of(new) == {"office": "down"}, "office", within_s=WITHIN_S)
