"""What becomes of the targets of a kill or a reset."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Port, ProcessId, Status
from checker.rows.row import Key, Moment, Row, Whereabouts
from reversi_tui.actions.followed import SHOWN_S, Followed, exact, lasting, median
from reversi_tui.actions.plans import Deed
from tests.reversi_tui.console.states import EVERY_S, NOW, forward, tunnel

OTHER = ProcessId(pid=5000, start_ticks=900)
HUNG = Row(forward=forward("barn", 20011), seen=tunnel("barn", 20011, Status.HUNG))


EVER_FRESH = Moment(now=NOW, every_s=36000.0)
"""Of which no row is stale."""


def at(seconds: float) -> Moment:
    return Moment(now=NOW + seconds, every_s=EVERY_S)


def seen(status: Status, session: ProcessId | None, since: float, probed: float) -> Row:
    """The row, as a probe so many seconds after the act found it."""
    tunnel = replace(
        HUNG.seen, status=status, session=session, since=NOW + since, probed_at=NOW + probed
    )
    return replace(HUNG, seen=tunnel)


def followed(deed: Deed = Deed.RESET, *, done: bool = True) -> Followed:
    """A deed on one row, over at NOW."""
    made = Followed(deed=deed)
    made.add((HUNG,))
    made.acted(HUNG.key, NOW, done=done)
    return made


@pytest.mark.parametrize(
    ("row", "now", "text", "summary"),
    [
        pytest.param(HUNG, 1, "reset", "not probed yet", id="not probed since"),
        pytest.param(
            seen(Status.DOWN, None, 2, 2), 41, "down 35 s", "down 35 s", id="down for a while"
        ),
        pytest.param(
            seen(Status.DOWN, None, -50, 110), 130, "down 2m", "down 2m", id="down before, too"
        ),
        pytest.param(
            seen(Status.UP, OTHER, 6, 6), 9, "up after 6 s", "back after 6 s", id="up again"
        ),
        pytest.param(
            seen(Status.UP, OTHER, -900, 4), 9, "up after 4 s", "back after 4 s", id="too fast"
        ),
        pytest.param(
            seen(Status.UP, HUNG.seen.session, 6, 6), 7, "up", "up", id="still the old process"
        ),
        pytest.param(seen(Status.UP, OTHER, 6, 6), 900, "stale 14m", "stale 14m", id="stale since"),
    ],
)
def test_a_target_is_reset_then_down_then_up_after_some_seconds(
    row: Row, now: float, text: str, summary: str
) -> None:
    made = followed()
    made.look(lambda _: row, at(now))

    assert made.text_of(row.key, row, at(now)) == text
    assert made.summary(lambda _: row, at(now)) == f"barn port 20011 reset: {summary}"


GW2 = Whereabouts(gateway="gw2", is_elsewhere=True)


@pytest.mark.parametrize("ahead_s", [0, -3600, 4], ids=["same clock", "slow", "fast"])
def test_the_clock_of_another_gateway_does_not_matter(ahead_s: float) -> None:
    """Its last probe before the act was 5 s earlier."""
    made = Followed(deed=Deed.KILL)
    old = replace(seen(Status.HUNG, HUNG.seen.session, -900 + ahead_s, -5 + ahead_s), where=GW2)
    back = replace(seen(Status.UP, OTHER, 6 + ahead_s, 6 + ahead_s), where=GW2)
    gone = replace(seen(Status.DOWN, None, 2 + ahead_s, 2 + ahead_s), where=GW2)
    made.add((old,))
    made.acted(old.key, NOW, done=True)

    states = []
    for row, now in ((old, 1), (gone, 3), (back, 8)):
        moment = replace(EVER_FRESH, now=NOW + now)
        made.look({row.key: row}.get, moment)
        states.append(made.targets[old.key].state(row, moment)[0])

    assert states == ["", "down", "back"]
    assert made.targets[old.key].back_s == 8


def test_a_tunnel_that_came_back_at_another_gateway_is_back() -> None:
    made = Followed(deed=Deed.KILL)
    old = replace(seen(Status.HUNG, None, -900, -5), where=GW2)
    here = replace(seen(Status.UP, OTHER, 2, -50), where=Whereabouts(gateway="gw1"))
    made.add((old,))
    made.acted(old.key, NOW, done=True)

    assert made.look(lambda _: here, at(3))


def test_a_kill_that_was_not_done_says_so_and_the_reason_stays() -> None:
    made = followed(Deed.KILL, done=False)

    assert made.summary(lambda _: HUNG, at(9)) == "barn port 20011: not killed"
    assert made.text_of(HUNG.key, HUNG, at(9)) == ""
    assert made.look(lambda _: HUNG, at(9))


def test_many_have_their_median_and_the_rest_by_state() -> None:
    made, rows = Followed(deed=Deed.RESET), dict[Key, Row]()
    for number in range(11):
        row = replace(HUNG, seen=replace(HUNG.seen, port=Port(20100 + number)))
        made.add((row,))
        made.acted(row.key, NOW, done=True)
        now = (
            seen(Status.UP, OTHER, 3 + number % 5, 10) if number else seen(Status.DOWN, None, 0, 10)
        )
        rows[row.key] = replace(now, seen=replace(now.seen, port=row.seen.port))

    assert not made.look(rows.get, at(40))

    assert made.summary(rows.get, at(40)) == "11 reset: 10 back (median 5 s), 1 down 40 s"


def test_the_line_goes_a_minute_after_all_are_back_and_stays_while_one_is_not() -> None:
    made, back = followed(), seen(Status.UP, OTHER, 6, 6)

    assert not made.look(lambda _: HUNG, at(5))
    assert not made.is_stale(NOW + 5000)
    assert made.look(lambda _: back, at(8))
    assert not made.look(lambda _: back, at(9))
    assert not made.is_stale(NOW + 9)
    assert made.is_stale(NOW + 8 + SHOWN_S)


def test_a_forward_that_is_lost_again_is_not_back() -> None:
    made = followed()
    made.look(lambda _: seen(Status.UP, OTHER, 6, 6), at(8))

    lost = seen(Status.DOWN, None, 20, 20)
    assert not made.look(lambda _: lost, at(31))
    assert made.text_of(lost.key, lost, at(31)) == "down 10 s"


def test_what_has_not_begun_waits() -> None:
    made = Followed(deed=Deed.KILL)
    made.add((HUNG,))

    assert made.summary(lambda _: HUNG, at(1)) == "barn port 20011 killed: waiting"
    assert not made.look(lambda _: HUNG, at(1))


def test_a_target_that_is_gone_is_said() -> None:
    assert followed().summary(lambda _: None, at(1)) == "barn port 20011 reset: gone"


def test_durations_are_short() -> None:
    assert [lasting(number) for number in (3, 44, 61, 7300)] == ["", "40 s", "1m", "2h"]
    assert [exact(number) for number in (3.4, 90, 130)] == ["3 s", "90 s", "2m"]
    assert median([1, 9, 2]) == 2
    assert median([1, 2]) == 1.5
