"""The time that a forward was watched, and how it is split into hours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Hour, Policy, Status, Tunnel, Watched
from checker.tunnels.uptime import by_hour, watched
from tests.strategies import NOW, OFFICE, PORT

POLICY = Policy()


def tunnel(status: Status = Status.UP) -> Tunnel:
    return Tunnel(node=OFFICE, port=PORT, status=status, probed_at=NOW - 20)


@pytest.mark.parametrize(
    ("before", "after", "gap_s", "up_s", "watched_s"),
    [
        pytest.param(Status.UP, Status.UP, 20.0, 20.0, 20.0, id="up at both ends"),
        pytest.param(Status.UP, Status.DOWN, 20.0, 0.0, 20.0, id="lost"),
        pytest.param(Status.DOWN, Status.UP, 20.0, 0.0, 20.0, id="back"),
        pytest.param(Status.UP, Status.UP, 4000.0, 0.0, 0.0, id="nobody watched"),
        pytest.param(Status.UP, Status.UP, -5.0, 0.0, 0.0, id="the clock was set back"),
        pytest.param(
            Status.HUNG, Status.HUNG, 155.0, 0.0, 155.0, id="a hung port that cannot be freed"
        ),
    ],
)
def test_the_watched_time(
    before: Status, after: Status, gap_s: float, up_s: float, watched_s: float
) -> None:
    earlier, later = tunnel(before), replace(tunnel(after), probed_at=NOW - 20 + gap_s)

    found = watched(earlier, later, POLICY, "2024-01-02")

    assert (found.up_s, found.watched_s) == (up_s, watched_s)


@pytest.mark.parametrize(
    ("gap_s", "watched_s"),
    [
        pytest.param(305.0, 305.0, id="on time"),
        pytest.param(900.0, 900.0, id="late, but not stale"),
        pytest.param(920.0, 0.0, id="stale"),
    ],
)
def test_the_watched_time_follows_the_rows_own_schedule(gap_s: float, watched_s: float) -> None:
    earlier = replace(tunnel(), due_s=305.0)
    later = replace(earlier, probed_at=NOW - 20 + gap_s)

    assert watched(earlier, later, POLICY, "2024-01-02").watched_s == watched_s


def test_a_first_probe_counts_no_watched_time() -> None:
    assert watched(replace(tunnel(), probed_at=None), tunnel(), POLICY, "2024-01-02").watched_s == 0


EDGE = 472222 * 3600.0
"""Where one hour ends and the next begins, Unix seconds."""


def hour(number: int, up_s: float, watched_s: float) -> Hour:
    return Hour(node=OFFICE, port=PORT, hour=number, up_s=up_s, watched_s=watched_s)


@pytest.mark.parametrize(
    ("ended", "gap_s", "up_s", "told"),
    [
        pytest.param(EDGE + 30, 20.0, 20.0, (hour(472222, 20.0, 20.0),), id="within an hour, up"),
        pytest.param(EDGE + 30, 20.0, 0.0, (hour(472222, 0.0, 20.0),), id="within an hour, down"),
        pytest.param(
            EDGE + 5,
            20.0,
            20.0,
            (hour(472221, 15.0, 15.0), hour(472222, 5.0, 5.0)),
            id="across the edge, up",
        ),
        pytest.param(
            EDGE + 5,
            20.0,
            0.0,
            (hour(472221, 0.0, 15.0), hour(472222, 0.0, 5.0)),
            id="across the edge, down",
        ),
        pytest.param(EDGE, 20.0, 20.0, (hour(472221, 20.0, 20.0),), id="up to the edge"),
        pytest.param(EDGE + 20, 20.0, 20.0, (hour(472222, 20.0, 20.0),), id="from the edge"),
        pytest.param(EDGE + 5, 0.0, 0.0, (), id="nobody watched"),
    ],
)
def test_the_watched_time_is_split_at_the_full_hours(
    ended: float, gap_s: float, up_s: float, told: tuple[Hour, ...]
) -> None:
    assert (
        by_hour(
            replace(tunnel(), probed_at=ended),
            Watched(day="2023-11-14", up_s=up_s, watched_s=gap_s),
        )
        == told
    )


def test_a_forward_that_was_never_probed_has_no_watched_hours() -> None:
    assert (
        by_hour(
            replace(tunnel(), probed_at=None), Watched(day="2023-11-14", up_s=0.0, watched_s=0.0)
        )
        == ()
    )
