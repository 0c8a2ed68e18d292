"""What an agent posts and takes: the table, and that agents come to an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.fleet.comparing import AGAIN_AT_MOST_S, Difference, Held, Patience, Rumour, difference
from checker.registry.bucket_values import NODE, Key

BARN = Key(kind=NODE, name="barn")


def held(rev: int, digest: str = "a") -> Held:
    return Held(rev=rev, digest=digest)


def bars(_: Key, one: Held) -> bool:
    """In these tests, what begins with "x" lets nobody in."""
    return one.digest.startswith("x")


POST, TAKE, NOTHING = Difference(post=(BARN,)), Difference(take=(BARN,)), Difference()


@pytest.mark.parametrize(
    ("ours", "theirs", "is_forged", "expected"),
    [
        pytest.param(None, held(1), False, TAKE, id="only in the bucket"),
        pytest.param(held(1), None, False, POST, id="only on the disk"),
        pytest.param(held(2), held(1), False, POST, id="newer on the disk"),
        pytest.param(held(1), held(2), False, TAKE, id="newer in the bucket"),
        pytest.param(held(1), held(1), False, NOTHING, id="the same"),
        pytest.param(held(1, "b"), held(1, "a"), False, POST, id="same revision, higher digest"),
        pytest.param(held(1, "a"), held(1, "b"), False, TAKE, id="same revision, lower digest"),
        pytest.param(held(1, "x"), held(1, "z"), False, POST, id="what closes goes first"),
        pytest.param(held(1, "z"), held(1, "x"), False, TAKE, id="and is taken first"),
        pytest.param(held(1, "xa"), held(1, "xb"), False, TAKE, id="both close"),
        pytest.param(held(1), held(9), True, POST, id="a forged one counts not"),
        pytest.param(None, held(9), True, NOTHING, id="a forged one is not taken"),
    ],
)
def test_the_table(
    ours: Held | None, theirs: Held | None, is_forged: bool, expected: Difference
) -> None:
    forged = {(BARN, theirs)} if is_forged and theirs else set()

    found = difference({BARN: ours} if ours else {}, {BARN: theirs} if theirs else {}, forged, bars)

    assert found == expected


ONE = st.builds(held, st.integers(1, 3), st.sampled_from(["a", "b", "x", "xy"]))


@given(disks=st.lists(ONE, min_size=2, max_size=4), turns=st.lists(st.integers(0, 3), max_size=30))
def test_whatever_the_disks_have_and_who_is_quicker_posting_comes_to_an_end(
    disks: list[Held], turns: list[int]
) -> None:
    """Nobody takes anything: root refuses all of it, everywhere."""
    bucket: dict[Key, Held] = {}
    posts = 0
    for turn in [*turns, *range(len(disks)), *range(len(disks))]:
        disk = {BARN: disks[turn % len(disks)]}
        if difference(disk, bucket, (), bars).post:
            bucket = disk
            posts += 1

    assert posts <= len(set(disks))
    for one in disks:
        assert not difference({BARN: one}, bucket, (), bars).post


def test_the_same_text_is_posted_more_and_more_seldom() -> None:
    patience, now, times = Patience(), 0.0, 0
    one = held(1)
    while now < 10 * AGAIN_AT_MOST_S:
        if patience.allows(BARN, one, now):
            patience.note(BARN, one, now)
            times += 1
        now += 5.0

    assert times < 25
    assert patience.allows(BARN, held(2), now)


def test_what_was_in_the_way_is_tried_at_once() -> None:
    patience = Patience()
    patience.note(BARN, held(1), 0.0)
    assert not patience.allows(BARN, held(1), 1.0)

    patience.forget([BARN])

    assert patience.allows(BARN, held(1), 1.0)


def test_after_a_notice_it_looks_again_until_the_bucket_has_it() -> None:
    rumour = Rumour()
    assert not rumour.is_due(0.0)

    rumour.heard(100.0)
    looks = [tenth / 10 for tenth in range(1000, 1100) if rumour.is_due(tenth / 10)]
    assert looks == [100.0, 100.2, 100.6, 101.5, 104.0]
    assert not rumour.is_due(300.0)
