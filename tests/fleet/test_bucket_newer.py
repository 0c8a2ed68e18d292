"""The bucket while its nats-servers are replaced by newer ones, one gateway after another."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.settings import load_config
from checker.fleet.bus_config import CONFIG_FILE
from checker.fleet.bus_files import bus_folder, refresh_bus
from tests.fleet.bucket_steps import (
    add,
    can_edit,
    copies,
    do,
    fleet_with_a_bucket,
    nodes,
    until_all,
    until_same,
)
from tests.fleet.buses import WITHIN_S, Station
from tests.fleet.servers import found_first, newer_server
from tests.programs import require
from tests.system.waiting import until


@pytest.fixture(autouse=True)
def needed(sbin: None) -> None:
    require("nats-server")


def replace_server(station: Station) -> None:
    """Have a gateway run the nats-server that is found first now, on its old store."""
    settings = load_config(station.layout.config).fleet
    assert settings is not None
    assert station.bus is not None
    station.bus.terminate()
    station.bus.wait()
    refresh_bus(station.layout, settings)
    text = (bus_folder(station.layout) / CONFIG_FILE).read_text(encoding="utf-8")
    assert "sync_interval: always" in text
    station.start_bus()


def test_each_gateway_edits_and_obeys_after_its_server_was_replaced(tmp_path: Path) -> None:
    newer = newer_server()
    with fleet_with_a_bucket(tmp_path) as fleet:
        add(fleet[0], "before")
        until_same(fleet)
        for one in fleet:
            with found_first(newer, tmp_path / f"bin-{one.id}"):
                replace_server(one)
            until_all(fleet, can_edit, "the bucket")
            name = f"at-{one.id}"
            assert "posted on the bus" in add(one, name).err
            until_all(fleet, lambda other, name=name: name in nodes(other), name)  # type: ignore[misc]
        until(lambda: copies(fleet[0]) == 3, "three copies", within_s=WITHIN_S)
        do(fleet[1], "node", "remove", "before", "--yes")

        until_all(fleet, lambda one: "before" not in nodes(one), "the removal")
        until_same(fleet)
