"""Threads beside the loop."""

from __future__ import annotations

import time

import pytest

from reversi_tui.terminal.threads import MANY, SLICE, giving_way


def test_others_may_run_after_each_slice_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    pauses: list[tuple[float, int]] = []
    monkeypatch.setattr(time, "sleep", lambda seconds: pauses.append((seconds, len(taken))))

    for each in giving_way(range(MANY)):
        taken.append(each)  # noqa: PERF402 - the pauses look at it

    assert taken == list(range(MANY))
    assert pauses == [(0, after) for after in range(SLICE, MANY + 1, SLICE)]
    assert list(giving_way(range(MANY - 1))) == list(range(MANY - 1))
    assert pauses[-1] == (0, MANY)
