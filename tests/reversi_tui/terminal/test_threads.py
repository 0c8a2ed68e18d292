"""Threads beside the loop."""

from __future__ import annotations

import time

import pytest

from reversi_tui.terminal.threads import SLICE, giving_way


def test_others_may_run_after_each_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    pauses: list[tuple[float, int]] = []
    monkeypatch.setattr(time, "sleep", lambda seconds: pauses.append((seconds, len(taken))))

    for each in giving_way(range(2 * SLICE + 1)):
        taken.append(each)  # noqa: PERF402 - the pauses look at it

    assert taken == list(range(2 * SLICE + 1))
    assert pauses == [(0, SLICE), (0, 2 * SLICE)]
