"""The machine: what it does about each event."""

from __future__ import annotations

import pytest

from client import words
from client.machine import Phase
from client.pace import Limits
from client.words import State
from tests.client.life import PORTS, Life

DENIED = frozenset({20011})
GIVE_UP = words.Drop(abort=True)
LEAVE = words.Drop(abort=False)


@pytest.fixture
def life() -> Life:
    found = Life()
    found.start()
    return found


def test_it_comes_up_after_the_first_answer(life: Life) -> None:
    life.hold()
    assert life.machine.view().state is State.CONNECTING

    life.answer(0)

    view = life.machine.view()
    assert (view.state, str(view.gateway), view.listening, view.verdict_s) == (
        State.UP,
        "127.0.0.1:2222",
        PORTS,
        0,
    )
    assert life.said == ["up: 2 forwards via 127.0.0.1:2222"]


def test_it_beats_at_its_period(life: Life) -> None:
    life.come_up()

    assert life.sleep(9.9) == []
    assert life.sleep(0.2) == [words.Beat()]
    assert life.sleep(7.5) == []
    assert life.answer(0) == []
    assert words.Beat() in life.sleep(10)


def test_the_bytes_of_an_answer_do_not_hasten_the_next_beat(life: Life) -> None:
    life.come_up()
    assert life.sleep(10.1) == [words.Beat()]
    life.move(sent=50)
    life.move(acked=50)
    life.move(received=50)  # a runner looks at the counters first, and then hears the answer
    assert life.answer(0) == []

    assert life.sleep(9.8) == []
    assert life.sleep(0.2) == [words.Beat()]


def test_a_beat_neither_answered_nor_delivered_means_a_hang(
    life: Life,
) -> None:
    life.come_up()
    assert life.sleep(10.1) == [words.Beat()]
    life.move(sent=50)

    assert life.sleep(8.0)[0] == GIVE_UP

    assert "127.0.0.1:2222: the connection hangs: no answer to a beat" in life.said[-1]
    assert life.until_connect() <= 0.5


def test_a_delivered_beat_gets_more_time(life: Life) -> None:
    life.come_up()
    assert life.sleep(10.1) == [words.Beat()]
    life.move(sent=50)
    life.move(acked=50)

    assert GIVE_UP not in life.sleep(19.5)
    assert GIVE_UP in life.sleep(1.0)


def test_a_healthy_hour_is_one_connection(life: Life) -> None:
    life.come_up()

    life.live(3600)

    assert life.connection == 1
    assert life.machine.view().state is State.UP


def test_a_bad_verdict_ends_the_tunnel_and_its_wait_is_kept(life: Life) -> None:
    life.come_up()

    assert life.answer(20) == [LEAVE]

    assert 20 <= life.until_connect() <= 25.1
    assert life.machine.view().verdict_s == 20


def test_a_gateway_cannot_make_it_wait_for_days(life: Life) -> None:
    life.come_up()
    life.answer(999_999)

    assert life.until_connect() <= 3600 * 1.25 + 1


def test_a_bad_verdict_with_a_denied_port_asks_for_it_again(life: Life) -> None:
    life.come_up(DENIED)

    assert life.answer(1) == [words.Listen(ports=DENIED)]
    assert life.answer(1) == []
    life.handle(words.Listened(connection=life.connection, listening=frozenset(), denied=DENIED))
    assert life.answer(1) == [words.Listen(ports=DENIED)]

    assert (
        life.handle(
            words.Listened(connection=life.connection, listening=DENIED, denied=frozenset())
        )
        == []
    )
    assert life.said[-1] == "the gateway listens on port 20011 now"
    assert life.machine.view().state is State.UP


def test_a_denied_port_is_named_and_asked_for_every_minute(life: Life) -> None:
    life.come_up(DENIED)

    assert (
        life.said[0]
        == "the gateway denies port 20011: in use there, or not this node's; asking again every"
        " 60 s"
    )
    assert life.said[1] == "up: 1 of 2 forwards via 127.0.0.1:2222"
    assert life.machine.view().state is State.PARTIAL
    asked = 0
    for _ in range(305):
        actions = life.sleep(1.0)
        if words.Beat() in actions:
            life.answer(0)
        if words.Listen(ports=DENIED) in actions:
            asked += 1
            life.handle(
                words.Listened(connection=life.connection, listening=frozenset(), denied=DENIED)
            )
    assert asked == 5
    assert life.connection == 1


def test_a_first_connection_claims_only_if_a_port_is_denied(life: Life) -> None:
    assert life.handle(words.Connected(connection=1)) == [words.Listen(ports=PORTS)]

    assert life.handle(life.listened(DENIED)) == [words.Claim()]
    assert life.handle(words.Claimed(connection=1, wait_s=0)) == [words.Listen(ports=DENIED)]
    granted = words.Listened(connection=1, listening=DENIED, denied=frozenset())
    assert life.handle(granted) == [words.Hold()]
    assert life.machine.view().denied == frozenset()


def test_it_claims_where_it_held_last_and_nowhere_else(life: Life) -> None:
    life.come_up()
    life.lose()
    life.until_connect()
    assert life.handle(words.Connected(connection=2)) == [words.Claim()]

    life.lose()
    assert life.machine.gateway == life.machine.config.gateways[1]
    life.hold()
    life.answer(0)
    life.lose()
    life.until_connect()

    assert life.machine.gateway == life.machine.config.gateways[0]
    assert life.handle(words.Connected(connection=4)) == [words.Listen(ports=PORTS)]


def test_a_number_that_may_be_text_of_the_login_leads_to_a_claim_at_once(life: Life) -> None:
    life.come_up()

    leave, connect = life.answer(42, is_sure=False)

    assert leave == LEAVE
    assert isinstance(connect, words.Connect)
    assert life.machine.view().verdict_s == 0
    life.claim()


def test_if_all_ports_are_denied_the_next_gateway_is_tried(life: Life) -> None:
    _, second = life.machine.config.gateways
    life.claim()
    life.handle(words.Claimed(connection=1, wait_s=0))

    leave, connect = life.handle(life.listened(PORTS))

    assert leave == LEAVE
    assert isinstance(connect, words.Connect)
    assert connect.gateway == second
    assert "the gateway denies ports 20010, 20011" in life.said[-1]


def test_a_deferred_claim_waits_as_long_as_the_gateway_asks(life: Life) -> None:
    life.claim()

    assert life.handle(
        words.Claimed(connection=1, wait_s=60, complaint="another copy of this key is up")
    ) == [LEAVE]

    assert life.said == [
        (
            "127.0.0.1:2222: the gateway asks to wait 60 s: another copy of this key is up; next"
            " try in 67.5 s"
        ),
    ]
    assert 60 <= life.until_connect() <= 75.1


def test_all_gateways_are_tried_before_a_wait(life: Life) -> None:
    first, second = life.machine.config.gateways

    usual = Limits(connect_s=10.0, banner_s=10.0, login_s=10.0)
    assert life.fail() == [LEAVE, words.Connect(connection=2, gateway=second, limits=usual)]
    assert life.fail() == [LEAVE]
    assert 0 < life.until_connect() <= 0.5
    assert life.machine.gateway == first


def test_the_wait_doubles_up_to_a_bound(life: Life) -> None:
    waits = []
    for _ in range(10):
        life.fail()
        life.fail()
        waits.append(life.until_connect())

    assert waits[:4] == [pytest.approx(wait, abs=0.01) for wait in (0.25, 0.5, 1.0, 2.0)]
    assert waits[-1] == pytest.approx(7.5, abs=0.01)


def test_a_refused_key_waits_five_minutes_at_each_gateway(life: Life) -> None:
    life.fail(words.Failure.DENIED)
    life.fail(words.Failure.DENIED)

    assert 299 <= life.until_connect() <= 331


def test_a_key_that_worked_is_tried_again_soon_and_the_long_wait_is_logged(life: Life) -> None:
    gateway = life.machine.gateway
    life.machine.route.gateways = (gateway,)
    life.come_up()
    life.live(61)
    life.lose()
    life.said.clear()

    waits = []
    for _ in range(3):
        if life.machine.phase is Phase.WAITING:
            life.until_connect()
        life.fail(words.Failure.DENIED)
        waits.append(life.machine.deadline_s - life.now_s)

    assert waits == [pytest.approx(6.0), pytest.approx(30.0), pytest.approx(315.0)]
    assert life.said == [
        "127.0.0.1:2222: away; next try in 6.0 s",
        "127.0.0.1:2222: away; next try in 315.0 s",
    ]


def test_a_gateway_that_refuses_the_key_does_not_delay_the_other(life: Life) -> None:
    _, second = life.machine.config.gateways
    life.fail(words.Failure.DENIED)

    for _ in range(4):
        assert life.machine.gateway == second
        life.fail()
        assert life.until_connect() <= 30


@pytest.mark.parametrize("failures", [12, 13], ids=["at home", "at another gateway"])
def test_a_proven_tunnel_reconnects_at_once_and_begins_at_home(life: Life, failures: int) -> None:
    home = life.machine.gateway
    for _ in range(failures):
        life.fail()
        if life.machine.phase is Phase.WAITING:
            life.until_connect()
    assert (life.machine.gateway == home) == (failures == 12)
    life.come_up()
    life.live(61)

    assert life.lose() == [LEAVE]

    assert life.until_connect() <= 0.5
    assert life.machine.gateway == home


def test_a_gateway_that_drains_is_left_in_order_and_the_next_one_tried_at_once(life: Life) -> None:
    life.come_up()

    leave, connect = life.handle(words.Lost(connection=1, reason="it drains", drains=True))

    assert leave == LEAVE
    assert isinstance(connect, words.Connect)
    assert connect.gateway == life.machine.config.gateways[1]
    assert life.said[-1] == "127.0.0.1:2222: it drains; next try now"


def test_a_tunnel_that_keeps_failing_backs_off(life: Life) -> None:
    waits = []
    for _ in range(8):
        life.come_up()
        life.lose()
        waits.append(life.until_connect())

    assert waits[-1] > waits[0] * 10


def test_the_same_failure_is_logged_again_only_after_ten_minutes(life: Life) -> None:
    began_s = life.now_s
    while life.now_s < began_s + 1250:
        life.fail()
        if life.machine.phase is Phase.WAITING:
            life.until_connect()

    assert len([line for line in life.said if line.startswith("[::1]:2222: away")]) == 3


@pytest.mark.parametrize("phase", [Phase.CLAIMING, Phase.FORWARDING, Phase.HOLDING])
def test_every_step_times_out(life: Life, phase: Phase) -> None:
    {Phase.CLAIMING: life.claim, Phase.FORWARDING: life.forward, Phase.HOLDING: life.hold}[phase]()

    assert GIVE_UP in life.sleep(30.1)


@pytest.mark.parametrize("jump_s", [3600.0, 6.0, -3600.0])
def test_a_clock_jump_reconnects_at_once(life: Life, jump_s: float) -> None:
    life.come_up()
    life.live(100)
    life.wall_s += jump_s

    actions = life.handle(words.Tick())

    assert actions[0] == GIVE_UP
    assert isinstance(actions[1], words.Connect)
    assert "the clock jumped by" in life.said[-1]


def test_a_small_clock_correction_changes_nothing(life: Life) -> None:
    life.come_up()
    life.wall_s += 4.5

    assert life.handle(words.Tick()) == []


def test_a_suspended_process_reconnects(life: Life) -> None:
    life.come_up()
    life.live(100)
    life.now_s += 100
    life.wall_s += 100

    assert life.handle(words.Tick())[0] == GIVE_UP


def test_a_clock_that_keeps_jumping_does_not_keep_ending_the_tunnel(life: Life) -> None:
    life.come_up()
    life.wall_s += 100
    life.handle(words.Tick())
    life.come_up()
    connection = life.connection

    life.wall_s += 100

    assert life.handle(words.Tick()) == []
    assert life.connection == connection


def test_a_clock_jump_shortens_a_wait_unless_the_gateway_asked_for_it(life: Life) -> None:
    for _ in range(12):
        life.fail()
        if life.machine.phase is Phase.WAITING and life.machine.deadline_s - life.now_s < 10:
            life.until_connect()
    life.wall_s += 100
    assert isinstance(life.handle(words.Tick())[-1], words.Connect)

    life.claim()
    life.handle(words.Claimed(connection=life.connection, wait_s=60))
    life.sleep(61)
    life.wall_s += 100
    assert life.until_connect() > 1


def test_events_of_an_old_connection_are_ignored(life: Life) -> None:
    life.come_up()
    life.lose()
    life.until_connect()
    life.come_up()

    for event in (
        words.Lost(connection=1, reason="late"),
        words.Answered(connection=1, wait_s=9),
        words.Connected(connection=1),
    ):
        assert life.handle(event) == []
    assert life.machine.view().state is State.UP


def test_stop_ends_it(life: Life) -> None:
    life.come_up()

    assert life.handle(words.Stop()) == [LEAVE]

    assert life.said[-1] == "stopped"
    assert life.machine.view().state is State.STOPPED
    assert life.sleep(1) == []
