"""Which faults call the operator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Mute, NodeName, Port, Selector, Status, Tunnel
from checker.rows.row import Moment, Row
from reversi_tui.rows.faults import RING_EVERY_S, Faults, is_alarming, title

NOW = 1_795_700_000.0
MOMENT = Moment(now=NOW, every_s=20.0)
UP = Row(
    forward=None,
    seen=Tunnel(node=NodeName("office"), port=Port(20010), status=Status.UP, probed_at=NOW),
)


def seen(status: Status) -> Row:
    return replace(UP, seen=replace(UP.seen, status=status))


def mute() -> Mute:
    return Mute(selector=Selector(filter_text="x"), until=NOW + 9, why="x", by="ada", at=NOW)


@pytest.mark.parametrize(
    ("row", "alarms"),
    [
        (UP, False),
        (seen(Status.HUNG), True),
        (seen(Status.UNKNOWN), False),
        (replace(UP, seen=replace(UP.seen, probed_at=NOW - 900)), True),
        (replace(seen(Status.DOWN), barred="disabled"), False),
        (replace(seen(Status.DOWN), mute=mute()), False),
    ],
    ids=["up", "hung", "not probed yet", "stale", "disabled", "muted"],
)
def test_a_fault_that_somebody_must_know_of_alarms(row: Row, alarms: bool) -> None:
    assert is_alarming(row, MOMENT) is alarms


def test_a_row_becomes_a_fault_once() -> None:
    faults = Faults()

    assert faults.judge([seen(Status.DOWN)], MOMENT)
    assert not faults.judge([seen(Status.HUNG)], MOMENT)
    assert not faults.judge([UP], MOMENT)
    assert faults.now == set()
    assert faults.judge([seen(Status.DOWN)], MOMENT)


def test_the_bell_rings_seldom() -> None:
    faults = Faults()

    assert faults.may_ring(5.0)
    assert not faults.may_ring(5.0 + RING_EVERY_S - 0.1)
    assert faults.may_ring(5.0 + RING_EVERY_S)


def test_the_title_counts_the_faults() -> None:
    assert [title(count, "gw1") for count in (0, 1, 1200)] == [
        "reversi gw1",
        "1 fault - reversi gw1",
        "1,200 faults - reversi gw1",
    ]


def test_a_probe_alone_makes_no_fault_but_ends_a_stale_one() -> None:
    faults = Faults()
    stale = replace(UP, seen=replace(UP.seen, probed_at=NOW - 900))
    assert faults.judge([stale], MOMENT)

    assert not faults.judge([UP], MOMENT, {UP.key})
    assert not faults.now
    assert not faults.judge([seen(Status.DOWN)], MOMENT, {UP.key})
    assert not faults.now
