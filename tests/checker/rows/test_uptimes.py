"""How much of the time forwards were up: days, losses and outages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import NodeName, Port, Watched
from checker.rows.percent import percentage
from checker.rows.uptimes import (
    Change,
    Days,
    Downtime,
    Line,
    Reported,
    change_in,
    downtimes,
    first_day,
    lines_by_forward,
    lines_by_tag,
    reported,
    start_of,
)
from tests.strategies import FORWARD

SINCE, UNTIL = start_of("2026-11-20"), start_of("2026-11-27")
LOST, BACK = SINCE + 90_000.0, SINCE + 93_600.0
WELL = (
    Watched(day="2026-11-20", up_s=86400.0, watched_s=86400.0),
    Watched(day="2026-11-21", up_s=82800.0, watched_s=86400.0),
)
DOWN = tuple(day._replace(up_s=0.0) for day in WELL)


@pytest.mark.parametrize(
    ("changes", "days", "found"),
    [
        pytest.param((), WELL, (), id="up all the time"),
        pytest.param((), (), (), id="never watched"),
        pytest.param((), DOWN, (Downtime(SINCE, UNTIL, False),), id="down all the time"),
        pytest.param(
            (Change(LOST, "up", "hung"), Change(LOST, "hung", "down"), Change(BACK, "down", "up")),
            WELL,
            (Downtime(LOST, BACK, True),),
            id="lost and back",
        ),
        pytest.param(
            (Change(LOST, "", "down"), Change(BACK, "down", "up")),
            WELL,
            (Downtime(LOST, BACK, True),),
            id="killed",
        ),
        pytest.param(
            (Change(LOST, "up", "down"),), WELL, (Downtime(LOST, UNTIL, True),), id="still down"
        ),
        pytest.param(
            (Change(LOST, "down", "up"),),
            DOWN,
            (Downtime(SINCE, LOST, False),),
            id="down since before",
        ),
        pytest.param(
            (Change(LOST, "down", "hung"), Change(BACK, "hung", "up")),
            DOWN,
            (Downtime(SINCE, BACK, False),),
            id="down since before, in two ways",
        ),
        pytest.param(
            (Change(LOST, "down", "up"),),
            WELL,
            (Downtime(LOST, LOST, True),),
            id="the log lacks when it was lost",
        ),
        pytest.param(
            (
                Change(LOST, "up", "down"),
                Change(BACK, "down", "up"),
                Change(BACK + 9, "down", "up"),
            ),
            WELL,
            (Downtime(LOST, BACK, True), Downtime(BACK + 9, BACK + 9, True)),
            id="killed beside another forward",
        ),
        pytest.param(
            (
                Change(LOST, "up", "down"),
                Change(BACK, "down", "unknown"),
                Change(BACK + 9, "unknown", "up"),
            ),
            WELL,
            (Downtime(LOST, BACK, True),),
            id="disabled meanwhile",
        ),
        pytest.param(
            (Change(LOST, "unknown", "down"), Change(BACK, "down", "up")),
            WELL,
            (Downtime(LOST, BACK, False),),
            id="new, and not up at first",
        ),
        pytest.param(
            (Change(LOST, "up", "down"), Change(BACK, "unknown", "up")),
            WELL,
            (Downtime(LOST, LOST, True),),
            id="removed and added again",
        ),
    ],
)
def test_outages_follow_from_the_log(
    changes: tuple[Change, ...], days: tuple[Watched, ...], found: tuple[Downtime, ...]
) -> None:
    assert downtimes(changes, days, SINCE, UNTIL) == found


def test_an_event_reports_a_change_or_none() -> None:
    assert change_in(5.0, "status", "up -> hung: no answer") == Change(5.0, "up", "hung")
    assert change_in(5.0, "status", "unknown -> up") == Change(5.0, "unknown", "up")
    assert change_in(5.0, "kill", "killed sshd process 9") == Change(5.0, "", "down")
    assert change_in(5.0, "status", "something else") is None


def test_the_last_seven_days_end_today() -> None:
    assert first_day(start_of("2026-11-26") + 5, 7) == "2026-11-20"


def did(node: str, *changes: Change) -> Reported:
    return reported(
        replace(FORWARD, node=NodeName(node), port=Port(20010)),
        WELL,
        changes,
        (SINCE, UNTIL),
        Watched(day="", up_s=50.0, watched_s=100.0),
    )


def went(at: float, back: float) -> tuple[Change, Change]:
    return Change(at, "up", "down"), Change(back, "down", "up")


def test_a_tag_has_the_losses_of_all_its_forwards_and_the_longest_outage() -> None:
    both = (
        did("attic", *went(LOST, LOST + 4), *went(LOST + 9, LOST + 10)),
        did("barn", Change(LOST, "unknown", "down"), Change(LOST + 89, "down", "up")),
    )

    attic, barn = lines_by_forward(both)
    (site,) = lines_by_tag(both, {NodeName("attic"): ("site",), NodeName("barn"): ("site",)})

    assert [(line.losses, line.longest_s) for line in (attic, barn, site)] == [
        (2, 4.0),
        (0, 89.0),
        (2, 89.0),
    ]
    assert (site.about["nodes"], site.lately) == (2, 0.5)
    assert attic.since("2026-11-21") == 82800.0 / 86400.0


def test_the_worst_day_is_one_that_was_watched() -> None:
    nobody = Watched(day="2026-11-22", up_s=0.0, watched_s=0.0)

    line = Line(about={}, days=(*WELL, nobody))

    assert line.worst == WELL[1]
    assert Line(about={}, days=(nobody,)).worst is None


def test_only_all_of_the_time_is_100_percent() -> None:
    assert (percentage(0.99999), percentage(1.0), percentage(None)) == ("99.99 %", "100.00 %", "-")


def test_kept_days_are_the_same_days() -> None:
    kept = Days(WELL)

    assert (list(kept), len(kept), WELL[0] in kept) == (list(WELL), 2, True)
    assert Watched(day="2026-11-20", up_s=1.0, watched_s=2.0) not in kept
