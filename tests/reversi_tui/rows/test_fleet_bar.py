"""The fleet as a bar of 24 cells."""

from __future__ import annotations

import pytest

from checker.rows.row import Moment, Row
from reversi_tui.rows.fleet_bar import CELLS, fleet_bar, shares
from reversi_tui.rows.palette import palette
from reversi_tui.rows.tally import Tally
from tests.reversi_tui.console.states import EVERY_S, NOW, SEEN


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        pytest.param((0, 300), (0, 24), id="all of one kind"),
        pytest.param((1, 2999), (1, 23), id="one of thousands can be seen"),
        pytest.param((1, 1, 1, 1, 1, 1, 1, 5000), (1, 1, 1, 1, 1, 1, 1, 17), id="many kinds"),
        pytest.param((150, 150), (12, 12), id="in proportion"),
        pytest.param((0, 0), (0, 0), id="nothing"),
    ],
)
def test_each_kind_has_its_share_of_the_bar(
    counts: tuple[int, ...], found: tuple[int, ...]
) -> None:
    assert shares(counts) == found


def test_faults_have_ink_and_what_is_up_is_a_thin_line() -> None:
    rows = {(seen.node, seen.port): Row(forward=None, seen=seen) for seen in SEEN}
    tally = Tally(rows)
    tally.take(rows, (), Moment(now=NOW, every_s=EVERY_S))

    pieces = fleet_bar(tally, palette("dark"))

    assert "".join(cells for cells, _ in pieces) == "█" * 20 + "_" * 4
    assert sum(len(cells) for cells, _ in pieces) == CELLS
    assert pieces[0][1] == "bold #ff7b72"
