"""The rows of all gateways of a fleet, with what is known about each."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import Layout
from checker.control import background, past_sums
from checker.control.all_rows import read_all
from checker.control.fleet_rows import mirror_paths
from checker.model import Hour, NodeName, Port, Watched, hour_at
from checker.rows.row import Known
from checker.rows.uptimes import day_at
from checker.state.rows import Batch
from checker.state.store import StateFile
from checker.state.uptimes import sums_since
from tests.fleet.mirrors import held_elsewhere, mirror
from tests.reversi_tui.console.states import write

ATTIC, BARN = (NodeName("attic"), Port(20010)), (NodeName("barn"), Port(20011))
NOW = time.time()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The gateway gw1, which holds attic, while gw2 holds barn."""
    return held_elsewhere(tmp_path, now=NOW)


def past(place: tuple[NodeName, Port], up_s: float) -> Batch:
    """A forward that was up for `up_s` of 1000 s in this hour and on this day."""
    node, port = place
    hour = Hour(node=node, port=port, hour=hour_at(NOW), up_s=up_s, watched_s=1000.0)
    day = (node, port, Watched(day=day_at(NOW), up_s=up_s, watched_s=1000.0))
    return Batch(hours=[hour], uptime=[day])


def known(layout: Layout, place: tuple[NodeName, Port]) -> Known:
    rows = read_all(layout, behind=True, now=NOW).rows
    return next(row.known for row in rows if row.key == place)


def test_hours_and_days_of_each_gateway_are_read_once(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def reading(state: StateFile, late: str, early: str) -> Collection[Any]:
        read.append(state.path)
        return sums_since(state, late, early)

    for module in (background, past_sums):
        monkeypatch.setattr(module, "sums_since", reading)

    read_all(layout, behind=True, now=NOW)

    assert sorted(read) == sorted([layout.state, *mirror_paths(layout)])


def test_each_row_has_the_hours_and_days_of_its_gateway(layout: Layout) -> None:
    write(layout, past(ATTIC, 500.0))
    mirror(layout, "gw2", past(BARN, 250.0), NOW)

    attic, barn = known(layout, ATTIC), known(layout, BARN)

    assert (attic.hours[-1], attic.week, attic.month) == (0.5, 0.5, 0.5)
    assert (barn.hours[-1], barn.week, barn.month) == (0.25, 0.25, 0.25)


def test_a_gateway_that_left_its_fleet_still_shows_its_own_hours(layout: Layout) -> None:
    write(layout, past(ATTIC, 500.0))
    layout.config.write_text("", encoding="utf-8")

    assert known(layout, ATTIC).hours[-1] == 0.5
