"""Jobs around views, with real keys in a real terminal; each takes at most twelve keys."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from checker.config.layout import Layout, home_layout
from checker.model import ProcessId, Status, Tunnel
from checker.state.rows import Batch
from tests.registry_samples import register
from tests.reversi_tui.console.hands import MOST_KEYS, Hands, names
from tests.reversi_tui.console.states import forward, sweep, tunnel, write
from tests.reversi_tui.console.tmux import console_words, tmux

SITES = ("basel", "bern", "chur")


def fleet(home: Path) -> tuple[Layout, tuple[Tunnel, ...]]:
    """Nine nodes of three customers; those of Bern hang."""
    layout, now, seen = home_layout(home), time.time(), []
    for number in range(9):
        name = f"{SITES[number % 3]}-{number}"
        status = Status.HUNG if number % 3 == 1 else Status.UP
        one = tunnel(name, 21000 + number, status, pid=None)
        latency_ms = 40.0 * number if status is Status.UP else None
        seen.append(
            replace(one, probed_at=now, checked_at=now, since=now - 60, latency_ms=latency_ms)
        )
    register(layout, (forward(each.node, each.port) for each in seen))
    for each in seen:
        path = layout.nodes / f"{each.node}.toml"
        path.write_text(f'tags = ["{each.node.partition("-")[0]}"]\n' + path.read_text())
    write(layout, Batch(tunnels=tuple(seen), sweep=sweep(now)))
    return layout, tuple(seen)


@contextmanager
def at_work(home: Path, size: tuple[int, int] = (120, 40)) -> Iterator[Hands]:
    """The console in tmux; at the end, few keys must have been enough."""
    words = console_words(home)
    desk = home / "desk"
    desk.mkdir()
    with tmux(home, ["env", "-C", str(desk), *words], size=size) as pane:
        pane.shows("basel-0", "9 forwards", "127.0.0.1:22")  # the registry was read, too
        hands = Hands(pane)
        yield hands
        assert hands.count <= MOST_KEYS


def test_sort_by_latency(tmp_path: Path) -> None:
    fleet(tmp_path)

    with at_work(tmp_path) as hands:
        hands.press("o")
        hands.type("latency")
        hands.press("Enter")
        hands.terminal.until(
            lambda lines: names(lines)[:3] == ["chur-8", "basel-6", "chur-5"], "the slowest first"
        )
        assert hands.count == 3


def test_one_customer_s_devices(tmp_path: Path) -> None:
    fleet(tmp_path)

    with at_work(tmp_path, (80, 24)) as hands:
        hands.press("#")
        hands.terminal.shows("9 rows by tags: 3 values")
        hands.press("Enter")
        bern = ["bern-1", "bern-4", "bern-7"]
        hands.terminal.until(
            lambda lines: names(lines) == bern, "the customer with the worst faults"
        )
        hands.press("V")
        hands.terminal.shows("Save this view")
        hands.type("bern")
        hands.press("Enter", "1")
        hands.terminal.until(lambda lines: len(names(lines)) == 9, "all")
        hands.press("7")
        hands.terminal.until(lambda lines: names(lines) == bern, "the view")
        assert hands.count == 7


def test_write_the_table(tmp_path: Path) -> None:
    fleet(tmp_path)

    with at_work(tmp_path) as hands:
        hands.press("2")
        hands.terminal.shows("faults: 3")
        hands.press("W", "Enter")
        hands.terminal.shows("Write 3 rows to a new file")
        hands.press("Enter")
        hands.terminal.shows("wrote 3 rows to")
        assert hands.count == 4
        (path,) = (tmp_path / "desk").iterdir()
        header, *rows = csv.reader(path.read_text().splitlines())
        assert header[:4] == ["node", "port", "target", "status"]
        assert [row[0] for row in rows] == ["bern-1", "bern-4", "bern-7"]
        assert path.stat().st_mode & 0o777 == 0o600


def test_reset_all_that_hang_and_see_them_back(tmp_path: Path) -> None:
    layout, seen = fleet(tmp_path)
    hung = [each for each in seen if each.status is Status.HUNG]

    with at_work(tmp_path) as hands:
        hands.press("/")
        hands.type("is:hung")
        hands.press("Enter", "a", "r")
        hands.terminal.shows("Cancel")
        hands.press("Left", "Enter")
        hands.terminal.shows("3 reset: 3 not probed yet; F shows them")
        hands.press("F")
        now = time.time()
        back = ProcessId(pid=1, start_ticks=1)
        write(
            layout,
            Batch(
                tunnels=tuple(
                    replace(each, status=Status.UP, session=back, since=now + 1, probed_at=now + 1)
                    for each in hung
                )
            ),
        )
        hands.terminal.shows("3 reset: 3 back (median")
        lines = hands.terminal.until(lambda lines: len(names(lines)) == 3, "the three targets")
        assert sum("up after" in line for line in lines) == 3
        assert hands.count == 8
