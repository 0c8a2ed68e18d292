"""How far a deed is, what is waited for, and what escape stops."""

from __future__ import annotations

import time

import pytest

from checker.model import NodeName, Port
from reversi_tui.actions.plans import Deed
from reversi_tui.actions.progress import Progress
from tests.reversi_tui.console.states import NOW

BARN = (NodeName("barn"), Port(20011))


def many(**facts: object) -> Progress:
    return Progress(deed=Deed.PROBE, total=3300, longest_s=60.0, **facts)  # type: ignore[arg-type]


def waiting(total: int = 1) -> Progress:
    progress = Progress(deed=Deed.KILL, total=total, longest_s=60.0)
    progress.under_way[BARN] = "barn port 20011", NOW
    return progress


def test_many_are_counted_with_the_way_out() -> None:
    assert many(done=15, failed=1).text(NOW) == "probe 16/3,300, 1 failed, esc stops"


def test_one_that_takes_its_usual_time_says_nothing() -> None:
    assert waiting().text(NOW + 9) == ""
    assert not waiting().may_stop(NOW + 9)


def test_a_daemon_that_does_not_answer_is_said_with_the_end_of_the_wait() -> None:
    until = time.strftime("%H:%M:%S", time.localtime(NOW + 60))

    assert waiting().text(NOW + 12) == (
        f"barn port 20011: the daemon has not answered kill for 12 s; waiting until {until} at the"
        " latest; esc stops waiting, but it may still be done"
    )


def test_escape_stops_what_waits_first_and_gives_up_only_what_is_slow() -> None:
    progress = waiting(total=3)
    assert progress.may_stop(NOW + 1)

    progress.stop(NOW + 1)

    assert (progress.is_stopped, progress.is_given_up) == (True, False)
    assert "stopping, 1 under way" in progress.text(NOW + 1)
    assert not progress.may_stop(NOW + 1)
    assert progress.may_stop(NOW + 20)
    progress.stop(NOW + 20)
    assert progress.is_given_up


@pytest.mark.parametrize(
    ("done", "failed", "summary"),
    [
        pytest.param(3, 0, "all 3 forwards killed", id="all"),
        pytest.param(2, 1, "2 of 3 forwards killed, 1 failed; L shows each", id="a failure"),
        pytest.param(
            1, 1, "1 of 3 forwards killed, 1 failed, 1 not started; L shows each", id="stopped"
        ),
    ],
)
def test_the_summary_says_how_many_were_done_and_not_begun(
    done: int, failed: int, summary: str
) -> None:
    assert Progress(deed=Deed.KILL, total=3, done=done, failed=failed).summary("L") == summary
