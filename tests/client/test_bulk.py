"""Moving bytes are a sign of life, and a hang during a transfer is still noticed."""

from __future__ import annotations

import pytest

from client import words
from tests.client.life import Life

GIVE_UP = words.Drop(abort=True)


@pytest.fixture
def life() -> Life:
    found = Life()
    found.start()
    found.come_up()
    found.move()
    return found


def pass_s(life: Life, seconds: int, *, received: int = 0, acked: int = 0) -> list[words.Action]:
    """Let seconds pass, and move so many bytes in each."""
    actions = []
    for _ in range(seconds):
        actions += life.sleep(1.0)
        actions += life.move(received=received, acked=acked)
    return actions


def test_a_download_that_delays_the_answers_is_not_cut(life: Life) -> None:
    actions = pass_s(life, 600, received=32_000)

    assert GIVE_UP not in actions
    assert actions.count(words.Beat()) >= 55


def test_beats_stop_when_too_many_are_unanswered(life: Life) -> None:
    assert pass_s(life, 3600, received=32_000).count(words.Beat()) == 64


def test_a_black_hole_during_a_download_is_noticed_within_a_minute(life: Life) -> None:
    pass_s(life, 120, received=32_000)

    actions = life.sleep(60)

    assert GIVE_UP in actions


def test_an_upload_in_front_of_a_beat_is_not_cut(life: Life) -> None:
    life.move(sent=2_000_000)

    actions = pass_s(life, 120, acked=16_000)

    assert GIVE_UP not in actions


def test_a_black_hole_during_an_upload_is_noticed_after_the_usual_time(life: Life) -> None:
    life.move(sent=2_000_000)
    pass_s(life, 60, acked=16_000)

    assert GIVE_UP in life.sleep(9.1)


def test_a_frozen_gateway_whose_kernel_takes_an_upload_is_noticed(life: Life) -> None:
    """Once the beat is delivered, further acknowledgements prove nothing."""
    life.move(sent=100_000)
    seconds = 0

    while GIVE_UP not in pass_s(life, 1, acked=16_000):
        life.move(sent=16_000)
        seconds += 1

    assert seconds <= 45


def test_a_stall_in_which_only_later_segments_arrive_is_not_cut(life: Life) -> None:
    """With a full queue, a lost segment arrives again only after a minute; until then nothing is
    acknowledged in order.
    """
    life.move(sent=2_000_000)
    arrived = 0
    for _ in range(60):
        assert GIVE_UP not in life.sleep(1.0)
        arrived += 1400
        assert life.counters is not None
        received, acked, queued = life.counters
        life.handle(
            words.Moved(
                connection=life.connection,
                received=received,
                arrived=arrived,
                acked=acked,
                queued=queued,
            )
        )


def test_a_system_without_acknowledgement_counters_is_patient(life: Life) -> None:
    life.counters = None
    assert words.Beat() in life.sleep(10.1)

    for _ in range(19):
        life.handle(
            words.Moved(connection=life.connection, received=0, arrived=0, acked=None, queued=0)
        )
        assert GIVE_UP not in life.sleep(1.0)
    assert GIVE_UP in life.sleep(2.0)


def test_lost_answers_do_not_end_a_tunnel() -> None:
    """The login printed fewer lines than for the claim, so the first answers were taken for such
    lines.
    """
    life = Life()
    life.start()
    life.hold()
    life.sleep(25.0)
    life.answer(0)

    life.live(600)

    assert life.connection == 1


@pytest.mark.parametrize("round_trip_s", [1, 6, 12, 18])
def test_a_slow_link_is_never_cut_and_a_dead_one_still_noticed(
    life: Life, round_trip_s: int
) -> None:
    """As through a relay: the kernel at the next hop acknowledges each beat at once."""
    due: list[float] = []
    for _ in range(3600):
        actions = life.sleep(1.0)
        assert GIVE_UP not in actions
        if words.Beat() in actions:
            life.move(sent=50)
            life.move(acked=50)
            due.append(life.now_s + round_trip_s)
        if due and due[0] <= life.now_s:
            due.pop(0)
            life.move(received=40)
            life.answer(0)

    assert GIVE_UP in life.sleep(60)
