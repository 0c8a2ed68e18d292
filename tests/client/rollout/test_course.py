"""How many devices go at once, and when a rollout stops."""

from __future__ import annotations

import pytest

from checker.model import NodeName, Port
from client.rollout.course import Came, Course, Result, counts, table

UPGRADED, FAILED, SAME, SKIPPED = Result.UPGRADED, Result.FAILED, Result.SAME, Result.SKIPPED


def course(*results: Result) -> Course:
    came = [Came(name=NodeName(f"n{at}"), result=result) for at, result in enumerate(results)]
    return Course(at_once=5, came=came)


@pytest.mark.parametrize(
    ("results", "limit"),
    [
        pytest.param((), 1, id="the first goes alone"),
        pytest.param((FAILED,), 1, id="and after a failure the next one"),
        pytest.param((SAME, SKIPPED), 1, id="nothing was shown by these"),
        pytest.param((FAILED, UPGRADED), 5, id="one worked"),
    ],
)
def test_one_device_shows_that_it_works_before_several_go(
    results: tuple[Result, ...], limit: int
) -> None:
    assert course(*results).limit == limit


@pytest.mark.parametrize(
    ("results", "stops"),
    [
        pytest.param((FAILED,) * 2, False, id="two"),
        pytest.param((FAILED,) * 3, True, id="three"),
        pytest.param((FAILED, FAILED, UPGRADED, FAILED), False, id="not in a row"),
        pytest.param((UPGRADED, FAILED, SKIPPED, FAILED, SAME, FAILED), True, id="with others"),
    ],
)
def test_three_failures_in_a_row_stop_it(results: tuple[Result, ...], stops: bool) -> None:
    assert course(*results).must_stop == stops


def test_the_table_ends_with_what_needs_attention() -> None:
    came = [
        Came(name=NodeName("b"), result=FAILED, port=Port(20001), took_s=2.4, detail="ssh: no"),
        Came(name=NodeName("a"), result=UPGRADED, port=Port(20000), took_s=9.6),
        Came(name=NodeName("c"), result=Result.LEFT),
    ]

    assert table(came) == [
        ("NODE", "PORT", "RESULT", "TOOK", "DETAIL"),
        ("a", "20000", "upgraded", "10s", ""),
        ("b", "20001", "failed", "2s", "ssh: no"),
        ("c", "-", "not started", "-", ""),
    ]
    assert counts(came) == "1 upgraded, 1 failed, 1 not started"
