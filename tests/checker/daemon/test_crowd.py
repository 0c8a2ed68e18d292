"""Which connections to the daemon's socket may stay."""

from __future__ import annotations

from checker.daemon.crowd import CONNECTIONS_AT_ONCE, SILENT_AT_ONCE, Crowd

OPERATOR, TUNNEL, OTHER, ANOTHER = 0, 5, 6, 7


def crowd(tunnel_uid: int = TUNNEL) -> Crowd[int]:
    return Crowd(operators=frozenset({OPERATOR}), tunnel_uid=tunnel_uid)


def test_another_user_has_a_few_connections_and_each_that_ends_makes_room() -> None:
    found = crowd()

    came = [found.enter(OTHER) for _ in range(CONNECTIONS_AT_ONCE + 1)]

    assert came == [True] * CONNECTIONS_AT_ONCE + [False]
    assert found.enter(ANOTHER)
    found.leave(OTHER)
    assert found.enter(OTHER)
    for uid in (*[OTHER] * CONNECTIONS_AT_ONCE, ANOTHER):
        found.leave(uid)
    assert found.counts == {}


def test_operators_and_the_tunnel_user_have_as_many_as_they_want() -> None:
    found = crowd()

    assert all(found.enter(uid) for uid in (OPERATOR, TUNNEL) for _ in range(1000))
    found.leave(OPERATOR)
    found.leave(TUNNEL)


def test_the_silent_connection_of_the_tunnel_user_that_came_first_is_pushed_out() -> None:
    found = crowd()

    pushed_out = [found.wait_for(TUNNEL, number) for number in range(SILENT_AT_ONCE + 2)]

    assert pushed_out == [None] * SILENT_AT_ONCE + [0, 1]


def test_a_connection_that_was_heard_is_never_pushed_out() -> None:
    found = crowd()
    for number in range(SILENT_AT_ONCE):
        found.wait_for(TUNNEL, number)
    found.heard(0)

    assert [found.wait_for(TUNNEL, number) for number in (1000, 1001)] == [None, 1]


def test_a_connection_that_waits_once_more_keeps_its_place() -> None:
    found = crowd()
    for number in (*range(SILENT_AT_ONCE), 0):
        assert found.wait_for(TUNNEL, number) is None

    assert found.wait_for(TUNNEL, 1000) == 0


def test_no_operator_is_pushed_out_and_an_operator_may_be_the_tunnel_user() -> None:
    for found, uid in ((crowd(), OPERATOR), (crowd(tunnel_uid=OPERATOR), OPERATOR)):
        assert {found.wait_for(uid, number) for number in range(1000)} == {None}


def test_who_becomes_or_ceases_to_be_an_operator_while_connected_leaves_no_count() -> None:
    operators = {OPERATOR}
    found: Crowd[int] = Crowd(operators=operators, tunnel_uid=TUNNEL)
    found.enter(OTHER)
    operators.add(OTHER)
    found.enter(OTHER)
    operators.discard(OTHER)

    found.leave(OTHER)
    found.leave(OTHER)

    assert found.counts == {}
