"""The bytes that the console writes to a terminal: none if nothing changed, few if little did.

The cheapest of some changes is judged: during another the header may have told the machine's load.
"""

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
TIMES = 5
"""So often the console is watched: time and the machine's load may repaint the header meanwhile."""
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


def cost(opened: Terminal, layout: Layout, words: bytes, *batch: Tunnel) -> int:
    """The bytes that these rows' change takes, which shows these words."""
    opened.settle(QUIET_S)
    before = len(opened.written)
    write(layout, Batch(tunnels=batch))
    opened.until(words, after=before)
    opened.settle(QUIET_S)
    return len(opened.written) - before


def pause(opened: Terminal) -> None:
    """Pause the table, again if a report came meanwhile: it has all rows if their hours were read
    late, or if an hour has passed.
    """
    for _ in range(TIMES):
        before = len(opened.written)
        opened.press(b"z")
        opened.until(b"held back", after=before)
        opened.settle(QUIET_S)
        if b": 0 changed rows held back" in opened.written[opened.written.rindex(b"PAUSED") :]:
            return
        opened.press(b"z")
        opened.settle(QUIET_S)
    pytest.fail("each pause began with changed rows")


def is_silent_once(opened: Terminal, sweeps: Callable[[], int]) -> bool:
    """Whether sweeps wrote nothing in one of a few times. In the others the header may have told
    the machine's load, or an age.
    """

    def watched() -> bytes:
        begun = sweeps()
        return opened.written_within(WATCHED_S, lambda: sweeps() >= begun + 3)

    return any(watched() == b"" for _ in range(TIMES))


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
            assert is_silent_once(opened, sweeps)
        changed, back = [], []
        for each in seen[3:5]:
            changed.append(
                cost(opened, layout, "✖ hung".encode(), replace(each, status=Status.HUNG))
            )
            back.append(cost(opened, layout, b"2,000 up", each))
        assert (b"24 h" in opened.written) is (size == WIDE)
        opened.press(b"q")
        assert opened.ended() == 0

    assert min(changed) <= most
    assert min(back) <= most


def test_a_page_costs_what_is_on_it_and_a_paused_table_only_its_count(
    home: tuple[Layout, tuple[Tunnel, ...]],
) -> None:
    layout, seen = home
    pages, costs = [], []

    with console(layout) as opened:
        for node in (b"node-00030", b"node-00050"):
            before = len(opened.written)
            opened.press(b"\x1b[6~")
            opened.until(node, after=before)
            opened.settle(QUIET_S)
            pages.append(len(opened.written) - before)
        pause(opened)
        painted = len(opened.written)
        for count, each in enumerate(seen[20:23], 1):
            words = b"%d changed row%s held back" % (count, b"s" if count > 1 else b"")
            costs.append(cost(opened, layout, words, replace(each, status=Status.HUNG)))
        assert b"hung" not in opened.written[painted:]
        opened.press(b"z")
        opened.until("✖ 3 hung".encode())
        write(layout, Batch(tunnels=seen[20:23]))

    assert min(pages) <= PAGE_BYTES
    assert min(costs) <= PAUSED_BYTES
