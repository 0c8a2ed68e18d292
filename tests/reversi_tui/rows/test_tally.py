"""How many rows there are in each state, as time passes."""

from __future__ import annotations

from dataclasses import replace

from checker.model import Status
from checker.rows.row import STALE, Key, Moment, Row
from reversi_tui.rows.tally import Tally
from tests.reversi_tui.console.states import EVERY_S, NOW, tunnel

SEEN = replace(tunnel("attic", 20010), probed_at=NOW)
KEY = (SEEN.node, SEEN.port)


def probed(rows: dict[Key, Row], tally: Tally, at: float) -> None:
    """A probe found the row up, and the tally was told."""
    rows[KEY] = Row(forward=None, seen=replace(SEEN, probed_at=at))
    tally.take([KEY], (), Moment(now=at, every_s=EVERY_S))


def test_a_row_that_is_probed_again_and_again_waits_in_one_place() -> None:
    rows: dict[Key, Row] = {}
    tally = Tally(rows)

    for turn in range(100):
        at = NOW + turn * EVERY_S
        probed(rows, tally, at)
        tally.look(Moment(now=at, every_s=EVERY_S))

    assert len(tally.turns) == 1
    assert tally.statuses() == {Status.UP: 1}


def test_a_row_that_is_not_probed_any_more_turns_stale_and_back() -> None:
    rows: dict[Key, Row] = {}
    tally = Tally(rows)
    probed(rows, tally, NOW)
    probed(rows, tally, NOW + EVERY_S)

    tally.look(Moment(now=NOW + 3 * EVERY_S + 1, every_s=EVERY_S))
    assert tally.stale == 0
    tally.turned.clear()
    tally.look(Moment(now=NOW + 4 * EVERY_S + 1, every_s=EVERY_S))
    assert (tally.stale, tally.turned) == (1, {KEY})
    assert tally.counts[STALE] == 1

    probed(rows, tally, NOW + 5 * EVERY_S)
    assert tally.stale == 0
    tally.look(Moment(now=NOW + 9 * EVERY_S, every_s=EVERY_S))
    assert tally.stale == 1


def test_a_row_that_is_gone_and_comes_back_is_looked_at_again() -> None:
    rows: dict[Key, Row] = {}
    tally = Tally(rows)
    probed(rows, tally, NOW)
    del rows[KEY]
    tally.take((), [KEY], Moment(now=NOW + 1, every_s=EVERY_S))
    probed(rows, tally, NOW + 2)

    tally.look(Moment(now=NOW + 3 * EVERY_S + 3, every_s=EVERY_S))

    assert tally.stale == 1


def test_many_rows_that_come_at_once_turn_stale_each_at_its_time() -> None:
    seen = [
        replace(tunnel("attic", port), probed_at=NOW - age)
        for port, age in ((20010, 5.0), (20011, 50.0), (20012, 0.0), (20013, 30.0))
    ]
    rows = {(each.node, each.port): Row(forward=None, seen=each) for each in seen}
    tally = Tally(rows)
    tally.take(rows, (), Moment(now=NOW, every_s=EVERY_S))

    stale = []
    for after in (-51.0, -49.0, -29.0, -4.0, 1.0):
        tally.look(Moment(now=NOW + 3 * EVERY_S + after, every_s=EVERY_S))
        stale.append(tally.stale)

    assert stale == [0, 1, 2, 3, 4]
