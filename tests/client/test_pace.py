"""Time limits grow after a time-out and shrink again, separately for each gateway."""

from __future__ import annotations

import pytest

from client import words
from client.machine import Phase
from client.pace import Pace
from tests.client.life import Life


def connects(actions: list[words.Action]) -> list[float]:
    return [action.limits.login_s for action in actions if isinstance(action, words.Connect)]


def test_the_limit_of_a_login_grows_to_a_minute() -> None:
    pace = Pace(10.0, 8.0)
    limits = []
    for _ in range(6):
        limits.append(pace.login_s)
        pace.timed_out()

    assert limits == [10, 20, 40, 60, 60, 60]
    assert pace.setup_s == 120


def test_a_configured_limit_above_a_minute_is_kept() -> None:
    pace = Pace(300.0, 8.0)
    pace.timed_out()

    assert pace.login_s == 300


def test_a_slow_login_leaves_room_for_the_next_one() -> None:
    pace = Pace(10.0, 8.0)
    pace.timed_out()
    pace.timed_out()

    pace.logged_in(36.0)

    assert pace.login_s == 60


def test_quick_logins_bring_the_limit_back() -> None:
    pace = Pace(10.0, 8.0)
    limits = []
    for _ in range(3):
        pace.timed_out()
    for _ in range(4):
        pace.logged_in(1.0)
        limits.append(pace.login_s)

    assert limits == [40, 20, 10, 10]


@pytest.mark.parametrize(
    ("silence_s", "limit_s"),
    [
        pytest.param(1, 8, id="usual"),
        pytest.param(6, 12, id="slow"),
        pytest.param(40, 45, id="bounded"),
    ],
)
def test_the_limit_of_an_answer_follows_the_longest_silence(
    silence_s: float, limit_s: float
) -> None:
    pace = Pace(10.0, 8.0)
    pace.learn(silence_s)
    pace.learn(0.1)

    assert pace.answer_s(delivered=False) == pytest.approx(limit_s, rel=0.02)


def test_a_long_silence_is_forgotten() -> None:
    pace = Pace(10.0, 8.0)
    pace.learn(20.0)
    for _ in range(300):
        pace.learn(0.05)

    assert pace.answer_s(delivered=False) == 8


def test_a_gateway_that_is_slow_gets_more_time_and_the_other_does_not() -> None:
    life = Life()
    life.start()

    limits = [connects(life.fail(words.Failure.SLOW)), connects(life.fail())]
    life.until_connect()
    limits.append(connects(life.fail(words.Failure.SLOW)))
    life.fail()

    assert limits == [[10.0], [], [10.0]]
    assert life.machine.route.paces[0].login_s == 40


def test_a_reconnect_on_a_slow_link_starts_with_the_limit_that_worked() -> None:
    life = Life()
    life.machine.route.gateways = life.machine.route.gateways[:1]
    life.start()
    for _ in range(2):
        life.fail(words.Failure.SLOW)
        life.until_connect()
    life.sleep(36.0)
    life.come_up()
    life.live(100)

    actions = life.lose() + life.sleep(1.0)

    assert connects(actions) == [60.0]


def test_setup_gets_more_time_after_a_time_out() -> None:
    life = Life()
    life.start()
    life.claim()

    life.sleep(30.1)

    assert life.machine.route.paces[0].setup_s == 60


def test_a_dead_home_delays_the_way_to_the_next_gateway_by_five_seconds() -> None:
    life = Life()
    life.start()
    life.come_up()
    life.live(61)
    life.lose()

    (connect,) = life.sleep(0.6)
    assert isinstance(connect, words.Connect)
    assert connect.limits.connect_s == 5.0
    assert life.fail(words.Failure.SILENT)[0] == words.Drop(abort=False)
    assert life.machine.phase is Phase.CONNECTING
    assert life.machine.gateway == life.machine.config.gateways[1]
