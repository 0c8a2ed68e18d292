"""Jobs with the event log, by real keys in a real terminal, and how many keys each takes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from checker.config.layout import Layout
from checker.model import Event, EventKind, NodeName, Port
from checker.state.rows import Batch
from tests.reversi_tui.console.hands import MOST_KEYS, Hands
from tests.reversi_tui.console.states import demo_home, write
from tests.reversi_tui.console.tmux import Tmux, console_words, tmux

BARN, DOCK = NodeName("barn"), NodeName("dock")


def yesterday() -> float:
    """Noon of it, on the local clock."""
    year, month, day = time.localtime()[:3]
    return time.mktime((year, month, day - 1, 12, 0, 0, 0, 0, -1))


def past() -> tuple[Event, ...]:
    """Three weeks of noise, and what a colleague killed in them."""
    noon = yesterday()
    noise = (
        Event(at=noon + n - 3000, kind=EventKind.STATUS, text=f"noise {n}", node=DOCK)
        for n in range(2000)
    )
    kill = Event(at=noon, kind=EventKind.KILL, text="", node=BARN, port=Port(20011), actor="op2")
    kills = [(-20 * 86400.0, "long ago"), (0.0, "killed sshd 3001"), (60.0, "killed sshd 3002")]
    return (
        *noise,
        *(
            Event(at=noon + ago, kind=kill.kind, text=text, node=BARN, port=kill.port, actor="op2")
            for ago, text in kills
        ),
        Event(at=time.time(), kind=EventKind.KILL, text="not his", node=DOCK, actor="daemon"),
    )


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = demo_home(tmp_path_factory.mktemp("gateway"))
    write(made, Batch(events=past()))
    return made


@pytest.fixture(scope="module")
def terminal(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    folder = tmp_path_factory.mktemp("tmux")
    assert layout.home is not None
    with tmux(folder, console_words(layout.home), size=(80, 24)) as opened:
        yield opened


@pytest.fixture
def hands(terminal: Tmux) -> Iterator[Hands]:
    """The table, with the cursor on its first row; each job ends where it may."""
    terminal.shows("garage", "? help")
    terminal.press("Home")
    hands = Hands(terminal)
    yield hands
    assert hands.count <= MOST_KEYS
    terminal.press("Escape")


def test_what_a_colleague_killed_yesterday(hands: Hands) -> None:
    hands.press("v", "/")
    hands.type("kind:kill actor:op2 at:yesterday")
    hands.press("Enter")

    hands.terminal.shows("2 events", "killed sshd 3001", "killed sshd 3002")
    hands.terminal.until(
        lambda lines: not any("long ago" in line or "not his" in line for line in lines),
        "only these two",
    )
    assert hands.count == 4


def test_follow_the_log(hands: Hands, layout: Layout) -> None:
    hands.press("v")
    hands.terminal.shows("following", "not his")

    write(layout, Batch(events=(Event(at=time.time(), kind=EventKind.CLAIM, text="came now"),)))

    hands.terminal.shows("following", "came now")
    assert hands.count == 1


def test_from_an_event_to_its_row(hands: Hands) -> None:
    hands.press("v", "/")
    hands.type("sshd 3002")
    hands.press("Enter")
    hands.terminal.shows("1 event ", "killed sshd 3002")

    hands.press("Enter", "Enter")

    hands.terminal.shows("barn port 20011", "no answer within 5 s")
    assert hands.count == 6


def test_search_the_log(hands: Hands) -> None:
    hands.press("v", "/")
    hands.type('"noise 17" dock')

    lines = hands.terminal.shows("111 events", "noise 1799")

    assert hands.count == 3
    assert all("noise 17" in line for line in lines[2:12])
    hands.terminal.press("Escape")
