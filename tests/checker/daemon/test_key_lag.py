"""When root is asked again for keys that lag, and when somebody hears of it."""

from __future__ import annotations

import math

from checker.daemon.key_lag import COMPLAIN_AFTER_S, NOTE_AFTER_S, KeyLag, Step

NOTHING = Step(asks_root=False, complains=False)
ASK = Step(asks_root=True, complains=False)
COMPLAIN = Step(asks_root=True, complains=True)


def test_root_is_asked_once_the_registry_stays_as_it_is() -> None:
    lag = KeyLag()

    assert lag.lagged(100.0, is_new=True) == NOTHING
    assert lag.lagged(101.9, is_new=True) == NOTHING, "somebody saves again"
    assert lag.lagged(103.0, is_new=False) == NOTHING
    assert lag.lagged(101.9 + NOTE_AFTER_S, is_new=False) == ASK
    assert lag.lagged(110.0, is_new=False) == NOTHING, "it was asked"


def test_root_is_asked_again_every_20_s_while_the_keys_lag() -> None:
    lag = KeyLag()
    lag.lagged(100.0, is_new=True)
    lag.lagged(100.0 + NOTE_AFTER_S, is_new=False)
    asked_at = []

    now = 100.0 + COMPLAIN_AFTER_S
    while now < 200.0:
        assert lag.lagged(now, is_new=False) == COMPLAIN
        asked_at.append(now)
        assert lag.look_at == now + COMPLAIN_AFTER_S
        now = lag.look_at

    assert asked_at == [120.0, 140.0, 160.0, 180.0]


def test_a_change_while_the_keys_lag_begins_the_wait_again() -> None:
    lag = KeyLag()
    lag.lagged(100.0, is_new=True)
    assert lag.lagged(120.0, is_new=False) == COMPLAIN

    assert lag.lagged(121.0, is_new=True) == NOTHING
    assert lag.look_at == math.inf
    assert lag.lagged(121.0 + NOTE_AFTER_S, is_new=False) == ASK


def test_keys_that_follow_are_said_to_only_if_root_was_asked() -> None:
    lag = KeyLag()
    lag.lagged(100.0, is_new=True)
    assert not lag.followed()

    lag.lagged(200.0, is_new=True)
    lag.lagged(200.0 + NOTE_AFTER_S, is_new=False)
    assert lag.followed()
    assert not lag.followed()
    assert lag.look_at == math.inf


def test_an_error_is_looked_at_again_and_forgets_nothing() -> None:
    lag = KeyLag()
    lag.lagged(100.0, is_new=True)
    lag.lagged(100.0 + NOTE_AFTER_S, is_new=False)

    lag.failed(103.0)

    assert lag.look_at == 103.0 + COMPLAIN_AFTER_S
    assert (lag.since, lag.is_noted) == (100.0, True)
    assert lag.followed(), "root was asked, and only now do the keys follow"
