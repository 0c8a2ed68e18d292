"""What of the event log is in memory, and whether it follows."""

from __future__ import annotations

import pytest

from checker.model import Event, EventKind, NodeName, Port
from reversi_tui.rows.event_text import PRESETS, cells, heading, preset_of
from reversi_tui.rows.event_window import AHEAD, KEPT, Way, Window


def events(first: int, last: int) -> list[Event]:
    return [
        Event(id=number, at=0.0, kind=EventKind.STATUS, text="x")
        for number in range(first, last + 1)
    ]


def opened(first: int = 9501, last: int = 10000, *, is_last: bool = False) -> Window:
    window = Window()
    window.take(Way.NEWEST, events(first, last), is_last=is_last)
    return window


def test_it_begins_at_the_newest_event_and_follows() -> None:
    window = opened()

    window.arrived(events(10001, 10003))

    assert (window.cursor, window.follows, window.unseen) == (10003, True, 0)


def test_away_from_the_end_it_stays_and_counts_what_comes() -> None:
    window = opened()
    window.select(window.place - 1)

    window.arrived(events(10001, 10012))

    assert (window.cursor, window.follows, window.unseen) == (9999, False, 12)
    assert window.ids[-1] == 10012
    window.to_end()
    assert (window.cursor, window.follows, window.unseen) == (10012, True, 0)


@pytest.mark.parametrize(
    ("place", "wants"), [(499, None), (AHEAD, None), (AHEAD - 1, Way.OLDER), (0, Way.OLDER)]
)
def test_the_next_page_is_wanted_before_the_cursor_gets_there(
    place: int, wants: Way | None
) -> None:
    window = opened()

    window.select(place)

    assert window.wants is wants


def test_however_far_one_goes_few_pages_are_in_memory() -> None:
    window = opened()
    window.select(0)
    for first in range(9001, 0, -500):
        window.take(Way.OLDER, events(first, first + 499), is_last=first == 1)
        window.select(0)
        assert len(window.events) <= KEPT

    assert (window.cursor, window.ids[0], window.has_older, window.has_newer) == (
        1,
        1,
        False,
        True,
    )
    window.select(len(window.ids) - 1)
    assert not window.follows
    assert window.wants is Way.NEWER
    window.take(Way.NEWER, events(window.ids[-1] + 1, 10000), is_last=True)
    assert window.ids[-1] == 10000
    assert not window.has_newer


def test_a_full_window_reads_what_came_only_when_the_cursor_is_near() -> None:
    window = opened(10001 - KEPT, 10000)
    window.select(5)

    window.arrived(events(10001, 10012))

    assert (window.ids[-1], window.has_newer, window.unseen, window.cursor) == (
        10000,
        True,
        12,
        10006 - KEPT,
    )


def test_an_empty_log_follows_too() -> None:
    window = opened(1, 0, is_last=True)
    assert (window.selected, window.follows) == (None, True)

    window.arrived(events(1, 1))

    assert window.selected is not None


KILL = Event(
    at=0.0,
    kind=EventKind.KILL,
    text="killed\x1b sshd",
    node=NodeName("basel-door-01-cabinet"),
    port=Port(20011),
    actor="a-colleague-of-ours",
)


@pytest.mark.parametrize("width", [20, 80, 100, 160, 200])
def test_a_line_is_exactly_as_wide_as_the_terminal_and_safe(width: int) -> None:
    line = "".join(cells(KILL, width))

    assert len(line) == max(width, 26)
    assert line.isprintable()
    assert ":20011" in line or width < 80
    assert heading(width).split()[:3] == ["time", "kind", "node"]
    assert ("actor" in heading(width)) == (width >= 100)


def test_a_preset_is_known_by_its_filter() -> None:
    assert [preset_of(text) for text in PRESETS.values()] == list(PRESETS)
    assert preset_of("kind:x") == ""
