"""Jobs that look for rows, by real keys in a real terminal, and how many keys each takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import Flaps, NodeName, Status, Tunnel
from checker.state.rows import Batch
from tests.registry_samples import register
from tests.reversi_tui.console.hands import MOST_KEYS, Hands, names
from tests.reversi_tui.console.states import forward, sweep, tunnel, write
from tests.reversi_tui.console.tmux import Tmux, console_words, tmux

OLD, NEW = "SSH-2.0-dropbear_2019.78", "SSH-2.0-dropbear_2024.85"
DAY_S = 86400.0
NEVER_STALE_S = 36000.0


def seen(number: int, now: float) -> Tunnel:
    """Nine nodes that all came up long ago, except for what the jobs look for."""
    status, detail, pid = {
        1: (Status.HUNG, "no answer within 5 s", 4001),
        4: (Status.DOWN, "nobody listens", None),
        7: (Status.REFUSED, "closed at once", 4007),
    }.get(number, (Status.UP, NEW, 4000 + number))
    site = ("basel", "bern", "chur")[number % 3]
    return replace(
        tunnel(f"{site}-{number}", 21000 + number, status, pid=pid, detail=detail),
        answer=(OLD if number in (3, 5) else NEW) if status is Status.UP else "",
        since=now - (600 if number in (1, 6) else 3 * DAY_S),
        probed_at=now,
        checked_at=now,
    )


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made, now = home_layout(tmp_path_factory.mktemp("gateway")), time.time()
    fleet = tuple(seen(number, now) for number in range(9))
    register(
        made,
        (
            forward(each.node, each.port, target=f"192.168.{place}.20:22")
            for place, each in enumerate(fleet)
        ),
    )
    lost = {"chur-8": 7, "basel-3": 2, "bern-4": 1}
    flaps = tuple((NodeName(node), Flaps(count=count, last_at=now)) for node, count in lost.items())
    marked = replace(sweep(now), every_s=NEVER_STALE_S)
    write(made, Batch(tunnels=fleet, flaps=flaps, sweep=marked))
    return made


@pytest.fixture(scope="module")
def terminal(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    assert layout.home is not None
    with tmux(tmp_path_factory.mktemp("tmux"), console_words(layout.home), size=(80, 24)) as opened:
        yield opened


@pytest.fixture
def hands(terminal: Tmux) -> Iterator[Hands]:
    """The table with all its rows; each job ends with a filter, a view or a sheet."""
    terminal.press("1")
    terminal.until(lambda lines: len(names(lines)) == 9, "all rows")
    terminal.shows("192.168.0.20:22", "k kill")
    hands = Hands(terminal)
    yield hands
    assert hands.count <= MOST_KEYS
    terminal.press("Escape", "Home")  # a digit right after it would be alt and the digit


def test_what_is_broken_and_why(hands: Hands) -> None:
    hands.press("2")

    lines = hands.terminal.until(
        lambda lines: sorted(names(lines)) == ["bern-1", "bern-4", "bern-7"], "the faults"
    )
    assert hands.count == 1
    why = {"bern-1": "no answer within 5 s", "bern-4": "nobody listens", "bern-7": "closed at once"}
    for node, reason in why.items():
        assert any(node in line and reason in line for line in lines), reason


def test_who_flaps_most(hands: Hands) -> None:
    hands.press("3")

    hands.terminal.until(
        lambda lines: names(lines) == ["chur-8", "basel-3", "bern-4"], "the most often lost first"
    )
    assert hands.count == 1


def test_old_dropbears(hands: Hands) -> None:
    hands.press("/")
    hands.type("banner:dropbear_201")
    hands.press("Enter")

    hands.terminal.until(lambda lines: names(lines) == ["basel-3", "chur-5"], "the old ones")
    assert hands.count == 3


def test_find_a_device_by_its_address_in_the_lan(hands: Hands) -> None:
    hands.press("/")
    hands.type("192.168.5.20")
    hands.press("Enter")

    hands.terminal.until(lambda lines: names(lines) == ["chur-5"], "the only one with it")
    assert hands.count == 3


def test_what_changed_in_the_last_hour(hands: Hands) -> None:
    hands.press("/")
    hands.type("since:<1h")
    hands.press("Enter")

    hands.terminal.until(lambda lines: names(lines) == ["basel-6", "bern-1"], "the two changed")
    assert hands.count == 3


def test_watch_one_node(hands: Hands, layout: Layout) -> None:
    hands.press("j")
    hands.type("chur-2")
    hands.press("Enter", "Enter")
    hands.terminal.shows("chur-2 port 21002", "203.0.113.7")

    now = time.time()
    lost = replace(seen(2, now), status=Status.DOWN, session=None, detail="nobody listens")
    write(layout, Batch(tunnels=(replace(lost, peer=None, since=now),)))

    hands.terminal.shows("chur-2 port 21002", "nobody listens")
    assert hands.count == 4
