"""Jobs around views, with real keys in a real terminal; each takes at most twelve keys."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from checker.config.layout import Layout, home_layout
from checker.model import ProcessId, Status, Tunnel
from checker.state.rows import Batch
from tests.registry_samples import register
from tests.reversi_tui.console.states import forward, sweep, tunnel, write
from tests.reversi_tui.console.tmux import Tmux, console_words, tmux

MOST_KEYS = 12
SITES = ("basel", "bern", "chur")


@dataclass(slots=True)
class Hand:
    """Presses keys, and counts them; a typed text counts as one."""

    pane: Tmux
    keys: int = 0

    def press(self, *keys: str) -> None:
        self.pane.press(*keys)
        self.keys += len(keys)

    def type(self, text: str) -> None:
        self.pane.type(text)
        self.keys += 1


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
def at_work(home: Path, size: tuple[int, int] = (120, 40)) -> Iterator[Hand]:
    """The console in tmux; at the end, few keys must have been enough."""
    words = console_words(home)
    desk = home / "desk"
    desk.mkdir()
    with tmux(home, ["env", "-C", str(desk), *words], size=size) as pane:
        pane.shows("basel-0", "9 forwards", "127.0.0.1:22")  # the registry was read, too
        hand = Hand(pane)
        yield hand
        assert hand.keys <= MOST_KEYS


def names(lines: list[str]) -> list[str]:
    """The node of each row."""
    return [found[1] for line in lines if (found := re.match(r"\W{1,2}([a-z]+-\d) ", line))]


def test_sort_by_latency(tmp_path: Path) -> None:
    fleet(tmp_path)

    with at_work(tmp_path) as hand:
        hand.press("o")
        hand.type("latency")
        hand.press("Enter")
        hand.pane.until(
            lambda lines: names(lines)[:3] == ["chur-8", "basel-6", "chur-5"], "the slowest first"
        )


def test_one_customer_s_devices(tmp_path: Path) -> None:
    fleet(tmp_path)

    with at_work(tmp_path, (80, 24)) as hand:
        hand.press("#")
        hand.pane.shows("9 rows by tags: 3 values")
        hand.press("Enter")
        bern = ["bern-1", "bern-4", "bern-7"]
        hand.pane.until(lambda lines: names(lines) == bern, "the customer with the worst faults")
        hand.press("V")
        hand.pane.shows("Save this view")
        hand.type("bern")
        hand.press("Enter", "1")
        hand.pane.until(lambda lines: len(names(lines)) == 9, "all")
        hand.press("7")
        hand.pane.until(lambda lines: names(lines) == bern, "the view")


def test_write_the_table(tmp_path: Path) -> None:
    fleet(tmp_path)

    with at_work(tmp_path) as hand:
        hand.press("2")
        hand.pane.shows("faults: 3")
        hand.press("W", "Enter")
        hand.pane.shows("Write 3 rows to a new file")
        hand.press("Enter")
        hand.pane.shows("wrote 3 rows to")
        (path,) = (tmp_path / "desk").iterdir()
        header, *rows = csv.reader(path.read_text().splitlines())
        assert header[:4] == ["node", "port", "target", "status"]
        assert [row[0] for row in rows] == ["bern-1", "bern-4", "bern-7"]
        assert path.stat().st_mode & 0o777 == 0o600


def test_reset_all_that_hang_and_see_them_back(tmp_path: Path) -> None:
    layout, seen = fleet(tmp_path)
    hung = [each for each in seen if each.status is Status.HUNG]

    with at_work(tmp_path) as hand:
        hand.press("/")
        hand.type("is:hung")
        hand.press("Enter", "a", "r")
        hand.pane.shows("Cancel")
        hand.press("Left", "Enter")
        hand.pane.shows("3 reset: 3 not probed yet; F shows them")
        hand.press("F")
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
        hand.pane.shows("3 reset: 3 back (median")
        lines = hand.pane.until(lambda lines: len(names(lines)) == 3, "the three targets")
        assert sum("up after" in line for line in lines) == 3
