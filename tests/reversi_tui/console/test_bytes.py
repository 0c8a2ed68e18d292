"""The bytes that the console writes to a terminal: none if nothing changed, few if little did."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import Hour, Status, Tunnel
from checker.state.rows import Batch, Sweep
from tests.reversi_tui.console.pty_console import Terminal, terminal
from tests.reversi_tui.console.states import many, write

ROWS = 2000
ONE_ROW_BYTES = 1500
ONE_WIDE_ROW_BYTES = 1000
PAGE_BYTES = 5000
PAUSED_BYTES = 200
WATCHED_S, QUIET_S = 2.0, 0.5
"""Seconds without output."""
WIDE = (140, 24)


def sweep_at(now: float) -> Sweep:
    """So seldom that no row is stale before the test is over."""
    return Sweep(pid=1, swept_at=now, every_s=3600)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, tuple[Tunnel, ...]]:
    """2,000 nodes that were seen just now, each with its hours."""
    layout = home_layout(tmp_path_factory.mktemp("gateway"))
    now = time.time()
    seen = tuple(
        replace(each, since=now - 9000, probed_at=now, checked_at=now)
        for each in many(layout, ROWS)
    )
    this_hour = int(now // 3600)
    hours = [
        Hour(each.node, each.port, this_hour - ago, 3600.0, 3600.0)
        for each in seen
        for ago in range(24)
    ]
    write(layout, Batch(tunnels=seen, hours=hours, sweep=sweep_at(now)))
    return layout, seen


@contextmanager
def console(
    layout: Layout, *args: str, size: tuple[int, int] = (80, 24), keys: bytes = b""
) -> Iterator[Terminal]:
    """A console that has painted all that there is to paint."""
    assert layout.home is not None
    # by node: a row that changes its rank moves others
    with terminal(layout.home, "--no-remember", "--sort", "node", *args, size=size) as opened:
        opened.until(b"2,000 forwards")
        if size == WIDE:
            opened.until(b"_" * 24)
        opened.until(b"no answer")
        opened.settle(QUIET_S)
        for key in keys:
            opened.press(bytes([key]))
            opened.settle(QUIET_S)
        yield opened


@contextmanager
def swept(
    layout: Layout, seen: tuple[Tunnel, ...], every_s: float = 0.3
) -> Iterator[Callable[[], int]]:
    """Sweeps go on meanwhile: all rows are seen again, as they were; how many sweeps."""
    stopping, count = threading.Event(), [0]

    def run() -> None:
        while not stopping.wait(every_s):
            now = time.time()
            write(
                layout,
                Batch(
                    tunnels=[replace(each, probed_at=now) for each in seen[:100]],
                    sweep=sweep_at(now),
                ),
            )
            count[0] += 1

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: count[0]
    finally:
        stopping.set()
        thread.join()


def cost(opened: Terminal, layout: Layout, *batch: Tunnel) -> int:
    """The bytes that these rows' change takes."""
    before = len(opened.written)
    write(layout, Batch(tunnels=batch))
    deadline = time.monotonic() + 10
    while len(opened.written) == before and time.monotonic() < deadline:
        opened.take(0.1)
    opened.settle(QUIET_S)
    return len(opened.written) - before


@pytest.mark.parametrize(
    ("size", "keys", "most"),
    [
        pytest.param((80, 24), b"", ONE_ROW_BYTES, id="80x24"),
        pytest.param(WIDE, b"ga", ONE_WIDE_ROW_BYTES, id="with the day's strip, groups and marks"),
    ],
)
def test_sweeps_that_see_nothing_new_cost_nothing_and_one_changed_row_little(
    home: tuple[Layout, tuple[Tunnel, ...]], size: tuple[int, int], keys: bytes, most: int
) -> None:
    layout, seen = home

    with console(layout, size=size, keys=keys) as opened:
        with swept(layout, seen) as sweeps:
            begun = sweeps()
            idle = opened.take(WATCHED_S)
            swept_meanwhile = sweeps() - begun
        opened.settle(QUIET_S)
        changed = cost(opened, layout, replace(seen[3], status=Status.HUNG))
        assert (b"24 h" in opened.written) is (size == WIDE)
        assert "✖ hung".encode() in opened.written
        back = cost(opened, layout, seen[3])
        opened.press(b"q")
        assert opened.ended() == 0

    assert idle == b""
    assert swept_meanwhile >= 3
    assert 0 < changed <= most
    assert 0 < back <= most


def test_a_page_costs_what_is_on_it_and_a_paused_table_only_its_count(
    home: tuple[Layout, tuple[Tunnel, ...]],
) -> None:
    layout, seen = home

    with console(layout) as opened:
        before = len(opened.written)
        opened.press(b"\x1b[6~")
        opened.until(b"node-00030")
        opened.settle(QUIET_S)
        page = len(opened.written) - before
        opened.press(b"z")
        opened.until(b"PAUSED")
        opened.settle(QUIET_S)
        painted = len(opened.written)
        costs = [cost(opened, layout, replace(each, status=Status.HUNG)) for each in seen[20:23]]
        assert b"3 changed rows held back" in opened.written
        assert b"hung" not in opened.written[painted:]
        opened.press(b"z")
        opened.until("✖ 3 hung".encode())
        write(layout, Batch(tunnels=seen[20:23]))

    assert 0 < page <= PAGE_BYTES
    assert max(costs) <= PAUSED_BYTES
