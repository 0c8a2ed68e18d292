"""How much of the time a forward was up at any gateway of a fleet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import Watched
from checker.rows.fleet_uptimes import Watch, changes_of, days_of, lately_of
from checker.rows.uptimes import Change

LOST, BACK, LATER = Change(100.0, "up", "down"), Change(103.0, "down", "up"), 500.0
UP_DAY, DOWN_DAY = ("2026-11-20", 80_000.0, 86_400.0), ("2026-11-20", 0.0, 86_400.0)
STAYED = Watch((UP_DAY,))


@pytest.mark.parametrize(
    ("watches", "changes"),
    [
        pytest.param([Watch((UP_DAY,), (LOST, BACK))], [LOST, BACK], id="one gateway"),
        pytest.param([Watch((), (LOST,)), Watch((), (BACK,))], [LOST, BACK], id="it moved"),
        pytest.param([Watch((), (LOST, BACK)), STAYED], [], id="up at the other one meanwhile"),
        pytest.param([Watch((), (LOST,)), Watch((DOWN_DAY,))], [LOST], id="never at the other one"),
        pytest.param(
            [
                Watch((), (LOST,)),
                Watch((), (Change(60.0, "down", "up"), Change(LATER, "", "down"))),
            ],
            [Change(LATER, "up", "down")],
            id="moved without a gap, killed there",
        ),
        pytest.param(
            [Watch((), (Change(90.0, "unknown", "down"),)), Watch((), (LOST,))],
            [LOST],
            id="new at one, lost at the other",
        ),
        pytest.param(
            [Watch((), (Change(90.0, "up", "hung"),)), Watch((DOWN_DAY,))],
            [Change(90.0, "up", "hung")],
            id="hung where it is",
        ),
    ],
)
def test_it_is_lost_if_no_gateway_has_it(watches: list[Watch], changes: list[Change]) -> None:
    assert changes_of(watches) == changes


def test_no_second_counts_twice() -> None:
    first = Watch((("2026-11-20", 40_000.0, 86_400.0), ("2026-11-21", 86_400.0, 86_400.0)))
    second = Watch((("2026-11-20", 40_000.0, 50_000.0), ("2026-11-21", 86_400.0, 86_400.0)))

    assert days_of([first, second]) == [
        ("2026-11-20", 80_000.0, 86_400.0),
        ("2026-11-21", 86_400.0, 86_400.0),
    ]
    assert lately_of([None, Watched("", 10.0, 20.0), Watched("", 15.0, 20.0)]) == Watched(
        "", 20.0, 20.0
    )
    assert lately_of([None]) is None


SECONDS = st.floats(0, 86_400)
DAYS = st.lists(
    st.tuples(st.sampled_from(["2026-11-20", "2026-11-21"]), SECONDS, SECONDS),
    max_size=2,
    unique_by=lambda day: day[0],
)


@settings(max_examples=50)
@given(days=st.lists(DAYS, min_size=1, max_size=3))
def test_it_was_never_up_for_longer_than_watched(
    days: list[list[tuple[str, float, float]]],
) -> None:
    found = days_of(Watch(tuple(each)) for each in days)

    assert all(up_s <= watched_s for _, up_s, watched_s in found)
    assert found == sorted(found)
