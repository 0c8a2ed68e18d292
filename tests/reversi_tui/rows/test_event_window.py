"""What of the event log is in memory, and whether it follows."""

from __future__ import annotations

import pytest

from checker.model import Event, EventKind, NodeName, Port
from checker.rows.event_lines import Line, Mark
from reversi_tui.rows.event_text import PRESETS, cells, heading, preset_of
from reversi_tui.rows.event_window import AHEAD, KEPT, Way, Window


def events(first: int, last: int) -> list[Line]:
    return [
        (Event(id=number, at=0.0, kind=EventKind.STATUS, text="x"), "")
        for number in range(first, last + 1)
    ]


def number(mark: Mark) -> int:
    return mark[2]


def opened(first: int = 9501, last: int = 10000, *, is_last: bool = False) -> Window:
    window = Window()
    window.take(Way.NEWEST, events(first, last), is_last=is_last)
    return window


def test_it_begins_at_the_newest_event_and_follows() -> None:
    window = opened()

    window.arrived(events(10001, 10003))

    assert (number(window.cursor), window.follows, window.unseen) == (10003, True, 0)


def test_away_from_the_end_it_stays_and_counts_what_comes() -> None:
    window = opened()
    window.select(window.place - 1)

    window.arrived(events(10001, 10012))

    assert (number(window.cursor), window.follows, window.unseen) == (9999, False, 12)
    assert number(window.marks[-1]) == 10012
    window.to_end()
    assert (number(window.cursor), window.follows, window.unseen) == (10012, True, 0)


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
        assert len(window.lines) <= KEPT

    assert (number(window.cursor), number(window.marks[0]), window.has_older, window.has_newer) == (
        1,
        1,
        False,
        True,
    )
    window.select(len(window.marks) - 1)
    assert not window.follows
    assert window.wants is Way.NEWER
    window.take(Way.NEWER, events(number(window.marks[-1]) + 1, 10000), is_last=True)
    assert number(window.marks[-1]) == 10000
    assert not window.has_newer


def test_a_full_window_reads_what_came_only_when_the_cursor_is_near() -> None:
    window = opened(10001 - KEPT, 10000)
    window.select(5)

    window.arrived(events(10001, 10012))

    assert (number(window.marks[-1]), window.has_newer, window.unseen, number(window.cursor)) == (
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


def told(number: int, at: float, gateway: str) -> Line:
    return Event(id=number, at=at, kind=EventKind.STATUS, text="x"), gateway


def test_what_another_gateway_tells_late_comes_to_its_place_once() -> None:
    window = Window()
    first, last = told(1, 10.0, "gw2"), told(7, 20.0, "gw1")
    window.take(Way.NEWEST, [first, last], is_last=True)

    late, older = told(1, 15.0, "gw3"), told(2, 5.0, "gw3")
    for _ in range(2):
        window.arrived([older, late])

    assert window.lines == [first, late, last]
    assert (window.selected, window.follows, window.unseen) == (last, True, 0)
    assert window.wants is Way.OLDER
    window.take(Way.OLDER, [older], is_last=True)
    assert window.lines == [older, first, late, last]


def test_the_same_id_and_time_at_two_gateways_are_two_events() -> None:
    window = Window()
    both = [told(1, 10.0, "gw1"), told(1, 10.0, "gw2")]
    window.take(Way.NEWEST, both, is_last=True)
    window.select(0)

    window.arrived([told(2, 10.0, "gw2")])

    assert [gateway for _, gateway in window.lines] == ["gw1", "gw2", "gw2"]
    assert (window.selected, window.unseen) == (both[0], 1)


@pytest.mark.parametrize("place", [3, KEPT - 3])
def test_late_events_in_a_full_window_leave_the_cursor_where_it_is(place: int) -> None:
    window = Window()
    full = [told(number, float(number), "gw1") for number in range(1, KEPT + 1)]
    window.take(Way.NEWEST, full, is_last=True)
    window.select(place)

    window.arrived([told(number, 1000.5, "gw2") for number in range(1, 6)])

    assert len(window.lines) == KEPT
    assert window.selected == full[place]
    assert (window.has_older, window.has_newer) == (place > 3, place == 3)


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
    line = "".join(cells((KILL, ""), width))

    assert len(line) == max(width, 26)
    assert line.isprintable()
    assert ":20011" in line or width < 80
    assert heading(width).split()[:3] == ["time", "kind", "node"]
    assert ("actor" in heading(width)) == (width >= 100)


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("gateway", ["gw1", "frankfurt-north-2"])
def test_in_a_fleet_a_line_has_the_gateway_under_its_title(width: int, gateway: str) -> None:
    line, title = "".join(cells((KILL, gateway), width, len(gateway))), heading(width, len(gateway))

    assert len(line) == width
    place = title.index("gateway")
    assert line[place:].startswith(gateway[:4])
    assert line[title.index("kind") :].startswith("kill ")
    assert line[title.index("node") :].startswith("basel")


def test_a_preset_is_known_by_its_filter() -> None:
    assert [preset_of(text) for text in PRESETS.values()] == list(PRESETS)
    assert preset_of("kind:x") == ""
