"""What the gateway's health means for the operator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reversi_tui.rows.report import Daemon, Health, clock_went_back, silence, steadied
from tests.reversi_tui.console.states import NOW, sweep

RUNNING = Health(daemon=Daemon.RUNNING, sweep=sweep(), disk_free_bytes=4_096)


def test_a_daemon_that_runs_and_writes_nothing_is_said() -> None:
    assert silence(RUNNING, NOW + 45) == ""
    assert silence(RUNNING, NOW + 90) == (
        "the daemon runs but has written nothing for 1m (disk full? 4.1k free)"
    )


@pytest.mark.parametrize("daemon", [Daemon.ABSENT, Daemon.UNREACHABLE, Daemon.UNASKED])
def test_a_daemon_that_does_not_run_is_said_elsewhere(daemon: Daemon) -> None:
    assert silence(replace(RUNNING, daemon=daemon), NOW + 900) == ""


def test_a_daemon_that_has_not_swept_yet_is_not_silent() -> None:
    assert silence(replace(RUNNING, sweep=None), NOW + 900) == ""


def test_a_clock_that_was_set_back_is_said() -> None:
    assert clock_went_back(RUNNING, NOW) == ""
    assert clock_went_back(RUNNING, NOW - 3600) == (
        "the clock was set back: the last sweep is 1h in the future; its rows are stale"
    )


@pytest.mark.parametrize(
    ("before", "now", "shown"),
    [
        (None, 100, 100),
        (100, None, None),
        (199_000_000, 201_000_000, 199_000_000),
        (201_000_000, 199_000_000, 201_000_000),
        (201_000_000, 190_000_000, 190_000_000),
        (0, 1, 1),
    ],
)
def test_free_space_is_shown_as_before_until_it_moved_enough(
    before: int | None, now: int | None, shown: int | None
) -> None:
    assert steadied(before, now) == shown
