"""Which changes are reported at once, and which wait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import Status, Tunnel
from checker.state.rows import Batch
from reversi_tui.reader.news import is_news
from reversi_tui.reader.source import Source
from tests.reversi_tui.console.states import (
    EVERY_S,
    NOW,
    SEEN,
    demo_home,
    dependencies,
    sweep,
    tunnel,
    write,
)

UP = tunnel("attic", 20010)
PROBED = replace(UP, probed_at=NOW, checked_at=NOW, latency_ms=43.0, bytes_total=9, revision=7)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(UP, PROBED, False, id="probed again"),
        pytest.param(
            UP, replace(PROBED, failures=2, answer="12:00:01"), False, id="an answer with the time"
        ),
        pytest.param(None, UP, True, id="seen first"),
        pytest.param(UP, replace(PROBED, status=Status.HUNG), True, id="another status"),
        pytest.param(UP, replace(PROBED, session=None), True, id="another process"),
        pytest.param(UP, replace(PROBED, kills=1), True, id="a kill"),
        pytest.param(replace(UP, checked_at=None), PROBED, True, id="the first check"),
        pytest.param(replace(UP, probed_at=NOW - 900), PROBED, True, id="was stale"),
    ],
)
def test_what_each_probe_changes_is_not_news(
    before: Tunnel | None, after: Tunnel, expected: bool
) -> None:
    assert is_news(before, after, EVERY_S, NOW) is expected


def settled(source: Source) -> Source:
    source.next_quiet = 0.0
    while source.step():
        source.next_quiet = 0.0
    source.next_quiet = float("inf")
    return source


def test_rows_that_were_probed_again_wait_and_come_with_the_next_news(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    source = settled(Source(dependencies(layout)))

    again = replace(SEEN[0], probed_at=NOW, latency_ms=50.0)
    write(layout, Batch(tunnels=(again,), sweep=sweep(NOW + 1)))
    assert source.step() is None
    write(layout, Batch(tunnels=(replace(SEEN[2], status=Status.HUNG),)))
    report = source.step()

    assert report
    assert not report.is_quiet
    assert {row.seen.node for row in report.changed} == {"attic", "cellar"}
    assert report.health.sweep == sweep(NOW + 1)
    source.close()


def test_rows_that_were_probed_again_are_reported_in_time(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    source = settled(Source(dependencies(layout)))
    write(layout, Batch(tunnels=(replace(SEEN[0], probed_at=NOW),)))

    source.wake()
    report = source.step()

    assert report
    assert report.is_quiet
    assert [row.seen.probed_at for row in report.changed] == [NOW]
    source.close()


def test_rows_that_were_probed_again_are_as_if_all_was_looked_up(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    source = settled(Source(dependencies(layout)))
    reports = []

    for at in (NOW, NOW + 1.0):  # the first probe begins each row's trend
        again = tuple(replace(each, probed_at=at) for each in SEEN)
        write(layout, Batch(tunnels=again, sweep=sweep(at)))
        source.wake()
        reports.append(source.step())

    report = reports[-1]
    assert report
    assert report.is_quiet
    assert report.probed == {row.key for row in report.changed} >= {(UP.node, UP.port)}
    for row in report.changed:
        looked_up = source.row(row.key)
        assert row == looked_up
        assert row.known.trend is looked_up.known.trend
    source.close()
