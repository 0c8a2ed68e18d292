"""The line about the row under the cursor: what it has, and what goes first where room is short."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Status
from checker.rows.row import Moment, Row
from reversi_tui.rows.layout import Needs
from reversi_tui.rows.selected_text import Room, selected_text
from tests.reversi_tui.console.states import EVERY_S, NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=EVERY_S)
NEEDS = Needs(node=12, port=5, target=16)
NAME, TARGET = "basel-door-0123456789-west", "camera-17.lan.example.org:8554"
WHY = "the target let us connect and said nothing for five seconds"


def hung(**changes: object) -> Row:
    seen = replace(tunnel("barn", 20011, Status.HUNG, detail=WHY), **changes)  # type: ignore[arg-type]
    return Row(forward=forward("barn", 20011), seen=seen)


def shown(row: Row, *, width: int = 120, lines: int = 1, last_peer: str = "") -> list[str]:
    room = Room(width=width, lines=lines, needs=NEEDS)
    return selected_text(row, MOMENT, last_peer, room).plain.split("\n")


def test_one_line_has_all() -> None:
    assert shown(hung(), width=160) == [
        f"barn          20011  127.0.0.1:22      since 2h  {WHY}  peer 203.0.113.7:40022"
    ]


def test_two_lines_have_the_reason_and_the_peer_in_the_second() -> None:
    assert shown(hung(), width=80, lines=2) == [
        "barn          20011  127.0.0.1:22      since 2h",
        "the target let us connect and said nothing for five sec…  peer 203.0.113.7:40022",
    ]


def test_names_and_targets_are_whole() -> None:
    row = Row(forward=forward(NAME, 20011, target=TARGET), seen=tunnel(NAME, 20011))

    assert shown(row, lines=2)[0] == f"{NAME}  20011  {TARGET}  since 2h"


@pytest.mark.parametrize(
    ("width", "kept"),
    [
        pytest.param(100, "the target let us connect …  peer 203.0.113.7:40022", id="cut reason"),
        pytest.param(80, "the target let us connect and …", id="no peer"),
        pytest.param(50, "", id="neither"),
    ],
)
def test_the_reason_is_cut_before_the_peer_goes(width: int, kept: str) -> None:
    (line,) = shown(hung(), width=width)

    assert line.startswith("barn          20011  127.0.0.1:22")
    assert line.partition("since 2h")[2].strip() == kept
    assert len(line) <= width


def test_a_row_that_is_down_names_its_last_peer() -> None:
    down = hung(status=Status.DOWN, peer=None, detail="nobody listens")

    assert shown(down, last_peer="203.0.113.9:5")[0].endswith(
        "nobody listens  last peer 203.0.113.9:5"
    )
    assert "peer" not in shown(down)[0]


def test_a_stale_row_has_no_since() -> None:
    assert "since" not in shown(hung(probed_at=NOW - 9000))[0]


def test_a_folded_row_counts_its_forwards() -> None:
    folded = replace(hung(), members=(hung(), hung(status=Status.UP)))

    words = " ".join(shown(folded)[0].split())
    assert words == "barn 2 ports since 2h 1 hung 1 up peer 203.0.113.7:40022"


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("width", [1, 10, 30, 59, 60, 79, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int, lines: int) -> None:
    row = Row(forward=forward(NAME, 20011, target=TARGET), seen=tunnel(NAME, 20011))

    assert all(len(line) <= width for line in shown(row, width=width, lines=lines))
