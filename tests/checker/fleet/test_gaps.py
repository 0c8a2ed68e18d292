"""What becomes of a message: a table."""

from __future__ import annotations

import pytest

from checker.fleet.gaps import (
    LONGEST_PAUSE_S,
    SAME_AGAIN_S,
    Heard,
    Then,
    has_begun_again,
    on_events,
    on_pulse,
    on_rows,
    pause_s,
)
from checker.model.pulse import Pulse

HEARD = Heard(epoch="a", number=5, beat=9, last_event=40)


def pulse(epoch: str, beat: int, number: int) -> Pulse:
    return Pulse(epoch=epoch, beat=beat, number=number, at=1.0, version="1", state="active")


@pytest.mark.parametrize(
    ("heard", "epoch", "beat", "number", "then"),
    [
        pytest.param(HEARD, "a", 10, 5, Then.TAKE, id="the-next"),
        pytest.param(HEARD, "a", 30, 5, Then.TAKE, id="some-were-missed"),
        pytest.param(HEARD, "a", 9, 5, Then.DROP, id="repeated"),
        pytest.param(HEARD, "a", 2, 99, Then.DROP, id="an-old-one"),
        pytest.param(HEARD, "a", 10, 6, Then.TAKE_AND_ASK, id="rows-were-missed"),
        pytest.param(HEARD, "b", 10, 5, Then.ASK, id="another-epoch"),
        pytest.param(Heard(), "a", 1, 0, Then.ASK, id="never-heard"),
    ],
)
def test_what_becomes_of_a_pulse(
    heard: Heard, epoch: str, beat: int, number: int, then: Then
) -> None:
    assert on_pulse(heard, pulse(epoch, beat, number)) is then


@pytest.mark.parametrize(
    ("heard", "epoch", "number", "then"),
    [
        pytest.param(HEARD, "a", 6, Then.TAKE, id="the-next"),
        pytest.param(HEARD, "a", 5, Then.DROP, id="repeated"),
        pytest.param(HEARD, "a", 7, Then.ASK, id="a-gap"),
        pytest.param(HEARD, "b", 6, Then.ASK, id="another-epoch"),
        pytest.param(Heard(), "a", 1, Then.ASK, id="never-heard"),
    ],
)
def test_what_becomes_of_rows(heard: Heard, epoch: str, number: int, then: Then) -> None:
    assert on_rows(heard, epoch, number) is then


@pytest.mark.parametrize(
    ("epoch", "after", "last", "then"),
    [
        pytest.param("a", 40, 41, Then.TAKE, id="the-next"),
        pytest.param("a", 38, 41, Then.TAKE, id="some-are-known"),
        pytest.param("a", 38, 40, Then.DROP, id="all-are-known"),
        pytest.param("a", 41, 42, Then.ASK, id="a-gap"),
        pytest.param("b", 40, 41, Then.ASK, id="another-epoch"),
    ],
)
def test_what_becomes_of_events(epoch: str, after: int, last: int, then: Then) -> None:
    assert on_events(HEARD, epoch, after, last) is then


def test_a_log_that_is_shorter_than_its_mirror_has_begun_again() -> None:
    assert has_begun_again(HEARD, 39)
    assert not has_begun_again(HEARD, 40)


def test_questions_back_off_and_are_not_repeated_for_nothing() -> None:
    pauses = [pause_s(failures, was_news=False) for failures in range(1, 50)]

    assert pauses == sorted(pauses)
    assert pauses[0] == 1.0
    assert pauses[-1] == LONGEST_PAUSE_S
    assert pause_s(0, was_news=False) == SAME_AGAIN_S
    assert pause_s(0, was_news=True) == 0.0
