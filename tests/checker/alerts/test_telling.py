"""What one way tells: over mutes, restarts, and while it delivers nothing."""

from __future__ import annotations

from checker.alerts.outages import UP, Ended, Outages
from checker.alerts.telling import (
    MOST_ENDED,
    RETRY_S,
    Told,
    after_delivery,
    heard,
    news,
)
from tests.checker.alerts.fleets import START, WAY, Admin, down, fine, place


def test_a_muted_outage_is_silent_and_is_told_when_the_mute_ends() -> None:
    admin = Admin()

    admin.watches(down("a", is_muted=True), for_s=3600)
    assert admin.titles == []
    admin.watches(down("a"), for_s=600)

    assert admin.titles == ["a is down"]


def test_an_outage_that_outlasts_a_mute_is_told_once_more() -> None:
    admin = Admin()
    admin.watches(down("a"), for_s=300)

    admin.watches(down("a", is_muted=True), for_s=3600)
    admin.watches(down("a"), for_s=3600)

    assert admin.titles == ["a is down", "a is down"]


def test_what_came_back_during_a_mute_is_told_as_up_when_the_mute_ends() -> None:
    admin = Admin()
    admin.watches(down("a"), for_s=300)

    admin.watches(fine("a", is_muted=True), for_s=3600)
    assert admin.titles == ["a is down"]
    admin.watches(fine("a"), for_s=300)

    assert admin.titles == ["a is down", "a is up again"]


def test_an_outage_within_a_mute_is_never_told() -> None:
    admin = Admin()

    admin.watches(down("a", is_muted=True), for_s=3600)
    admin.watches(fine("a", is_muted=True), for_s=600)
    admin.watches(fine("a"), for_s=600)

    assert admin.titles == []
    assert admin.memory.outages.open == {}


def test_a_restart_neither_repeats_nor_forgets() -> None:
    admin = Admin()
    admin.watches(down("a"), fine("b", 20011), for_s=300)
    admin.watches(down("a"), down("b", 20011), for_s=100)

    admin.restart()
    admin.watches(down("a"), down("b", 20011), for_s=300)
    assert [[one.place[0] for one in found.down] for found in admin.news] == [["a"], ["b"]]
    admin.restart()
    admin.watches(fine("a"), fine("b", 20011), for_s=300)

    assert admin.titles[2:] == ["2 nodes are up again"]


def test_after_the_memory_was_lost_what_is_down_is_told_once_more() -> None:
    admin = Admin()
    admin.watches(down("a"), for_s=300)

    admin.memory, admin.is_first = type(admin.memory)(), True
    admin.watches(down("a", since=START), for_s=300)

    assert admin.titles == ["a is down", "a is down"]


def test_what_could_not_be_sent_is_told_by_the_next_message() -> None:
    admin = Admin(reachable=False)
    admin.watches(down("a"), fine("b", 20011), for_s=600)
    admin.watches(fine("a"), down("b", 20011), for_s=600)
    assert admin.messages == []

    admin.reachable = True
    admin.watches(fine("a"), down("b", 20011), for_s=1200)

    assert admin.titles == ["b is down"]
    assert "a was down from" in admin.bodies[0]
    assert admin.memory.ways[WAY].ended == ()


def test_a_way_that_fails_is_tried_less_and_less_often() -> None:
    admin = Admin(reachable=False)
    admin.watches(down("a"), for_s=200)
    assert admin.memory.ways[WAY].wait_s <= RETRY_S

    admin.watches(down("a"), for_s=4 * 3600)
    told = admin.memory.ways[WAY]
    assert 15 <= told.failures <= 25
    assert told.wait_s <= 900


def test_what_waits_for_a_dead_way_is_bounded_and_counted() -> None:
    ended = tuple(
        Ended(id=n, place=place(f"n{n}"), why="down", began=START, ended=START + 300, how=UP)
        for n in range(MOST_ENDED + 100)
    )

    told = heard(heard(Told(), ended[:600], 10.0), ended[600:], 10.0)
    assert told.ended == ended[100:]
    assert told.dropped == 100

    sent = news(told, Outages())
    assert sent.dropped == 100
    after = after_delivery(told, sent, group_s=60.0, storm=20)
    assert not after.ended
    assert after.dropped == 0
