"""When a host key is compared: once for each connection, once a day, never at each sweep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import (
    HOSTKEY,
    SSH_BANNER,
    Forward,
    Port,
    ProcessId,
    ShownKey,
    Status,
    Tunnel,
)
from checker.tunnels.comparisons import (
    AGAIN_S,
    AT_ONCE,
    EVERY_S,
    GAP_S,
    SPREAD_S,
    Failure,
    after_exchange,
    after_failure,
    can_compare,
    due_at,
    key_note,
    share,
)
from tests.strategies import FORWARD, NOW, OFFICE, PORT, SESSION, public_key, rsa_key

KEY, OTHER = public_key(7), public_key(8)
ASKED = replace(FORWARD, expect=HOSTKEY, host_key=KEY)
UP = Tunnel(node=OFFICE, port=PORT, status=Status.UP, session=SESSION, probed_at=NOW)
NEXT = replace(UP, session=ProcessId(pid=5555, start_ticks=1))
SHOWN = ShownKey(node=OFFICE, port=PORT, key=KEY, pinned=KEY, session=SESSION, at=NOW)
FAILED = Failure(session=SESSION, at=NOW, times=1, reason="no key exchange in 30 s")


def due(
    forward: Forward = ASKED,
    seen: Tunnel = UP,
    shown: ShownKey | None = SHOWN,
    failure: Failure | None = None,
    now: float = NOW + 1,
) -> float | None:
    return due_at(forward, seen, shown, failure, now)


def test_a_key_is_compared_at_once_and_then_not_for_a_day() -> None:
    again = due()

    assert due(shown=None) == AT_ONCE
    assert again is not None
    assert NOW + EVERY_S - SPREAD_S <= again <= NOW + EVERY_S


def test_a_restart_of_the_daemon_asks_no_device_again() -> None:
    """What was shown is in the state file, and the connections stay."""
    assert (due(now=NOW + 3600) or 0.0) > NOW + 3600


def test_a_new_connection_is_compared_within_minutes_however_often_it_comes() -> None:
    assert due(seen=NEXT) == NOW + GAP_S
    assert due(seen=NEXT, failure=FAILED) == NOW + GAP_S


def test_forwards_that_were_compared_together_drift_apart() -> None:
    times = {due(replace(ASKED, port=Port(port))) for port in range(20000, 20100)}

    assert len(times) == 100
    assert all(0 <= share(replace(ASKED, port=Port(port))) <= 1 for port in range(20000, 20100))


def test_a_clock_that_was_set_back_delays_nothing() -> None:
    assert due(now=NOW - 3600) == AT_ONCE


def test_a_pin_of_another_type_is_compared_at_once() -> None:
    assert due(replace(ASKED, host_key=rsa_key(2048))) == AT_ONCE
    assert due(replace(ASKED, host_key=OTHER)) != AT_ONCE, "what was shown tells enough"


def test_an_exchange_that_failed_is_tried_again_less_and_less_often() -> None:
    waits = []
    failure: Failure | None = None
    for _ in range(20):
        failure = after_failure(failure, "closed", SESSION, NOW)
        waits.append((due(failure=failure) or 0.0) - NOW)

    assert waits[:3] == [AGAIN_S, 2 * AGAIN_S, 4 * AGAIN_S]
    assert waits[-1] == EVERY_S
    assert after_failure(failure, "closed", ProcessId(pid=5555, start_ticks=1), NOW).times == 1


@pytest.mark.parametrize(
    ("forward", "seen", "shown"),
    [
        pytest.param(replace(ASKED, expect=SSH_BANNER), UP, None, id="another expectation"),
        pytest.param(replace(ASKED, host_key=""), UP, None, id="no pinned key"),
        pytest.param(ASKED, replace(UP, session=None), None, id="no session of ours"),
        pytest.param(ASKED, replace(UP, status=Status.HUNG), None, id="hung"),
        pytest.param(ASKED, replace(UP, status=Status.DOWN), None, id="down"),
        pytest.param(ASKED, replace(UP, status=Status.FOREIGN), None, id="foreign"),
        pytest.param(ASKED, replace(UP, status=Status.WRONG), SHOWN, id="no SSH banner"),
    ],
)
def test_nothing_is_compared_without_a_pin_and_an_answer_through_the_tunnel(
    forward: Forward, seen: Tunnel, shown: ShownKey | None
) -> None:
    assert due(forward, seen, shown) is None


def test_a_forward_with_another_key_is_compared_again() -> None:
    wrong = replace(SHOWN, key=OTHER)

    assert can_compare(ASKED, replace(UP, status=Status.WRONG), wrong)


def test_an_event_about_a_key_is_not_written_again_after_the_next_comparison() -> None:
    logged = replace(SHOWN, key=OTHER, logged=KEY)

    assert after_exchange(ASKED, logged, OTHER, SESSION, NOW + 9) == replace(logged, at=NOW + 9)
    assert after_exchange(ASKED, logged, public_key(9), SESSION, NOW).logged == ""
    assert after_exchange(ASKED, logged, KEY, SESSION, NOW) == SHOWN
    assert after_exchange(ASKED, None, KEY, SESSION, NOW) == SHOWN


def test_a_row_says_why_its_key_is_not_compared() -> None:
    assert key_note(replace(ASKED, host_key=""), UP, None) == (
        "no host key is pinned: reversi-checker node pin office"
    )
    assert key_note(ASKED, UP, FAILED) == (
        "its host key could not be compared: no key exchange in 30 s"
    )
    assert key_note(ASKED, NEXT, FAILED) == ""
    assert key_note(ASKED, replace(UP, status=Status.DOWN), FAILED) == ""
    assert key_note(replace(FORWARD, host_key=""), UP, FAILED) == ""
