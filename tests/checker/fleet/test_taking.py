"""What a gateway takes: the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.fleet.taking import Here, Offer, Taking, take
from checker.registry.entries import TOMBSTONE_KEPT_S

NOW = 1_800_000_000.0


def offer(rev: int, content: object = "a", *, bars: bool = False, born: int = 1) -> Offer:
    return Offer(rev=rev, content=content, bars=bars, born=born, changed_at=int(NOW))


def tombstone(rev: int, *, born: int = 1, changed_at: float = NOW) -> Offer:
    return Offer(
        rev=rev,
        content=None,
        bars=True,
        is_tombstone=True,
        born=born,
        changed_at=int(changed_at),
    )


def here(present: Offer | None, content: object = "as signed", *, bars: bool = False) -> Here:
    as_signed = None if present is None else present.content
    return Here(
        offer=present,
        content=as_signed if content == "as signed" else content,
        bars=bars or (present is not None and present.bars and content == "as signed"),
    )


NOTHING = here(None)
TABLE = [
    pytest.param(offer(1), NOTHING, "anna", Taking.TAKE, id="the first one"),
    pytest.param(offer(1), NOTHING, None, Taking.UNSIGNED, id="unsigned"),
    pytest.param(offer(2), here(offer(1)), "anna", Taking.TAKE, id="higher"),
    pytest.param(offer(2), here(offer(1)), None, Taking.UNSIGNED, id="higher, unsigned"),
    pytest.param(offer(1), here(offer(2)), "anna", Taking.OLD, id="lower"),
    pytest.param(offer(2), here(offer(2)), "anna", Taking.SAME, id="the same"),
    pytest.param(offer(2, "b"), here(offer(2)), "anna", Taking.CLASH, id="clash"),
    pytest.param(offer(2, "b"), here(offer(2)), None, Taking.UNSIGNED, id="unsigned clash"),
    pytest.param(
        offer(2, "b", bars=True), here(offer(2)), "anna", Taking.BAR, id="clash that disables"
    ),
    pytest.param(
        offer(2, "b"), here(offer(2, bars=True)), "anna", Taking.CLASH, id="clash that enables"
    ),
    pytest.param(tombstone(2), here(offer(2)), "anna", Taking.BAR, id="clash that removes"),
    pytest.param(tombstone(3), here(offer(2)), "anna", Taking.TAKE, id="removal"),
    pytest.param(tombstone(1), NOTHING, "anna", Taking.TAKE, id="removal of what is not here"),
    pytest.param(
        tombstone(1, changed_at=NOW - TOMBSTONE_KEPT_S - 1),
        NOTHING,
        "anna",
        Taking.OLD,
        id="an old removal of what is not here",
    ),
    pytest.param(offer(3), here(tombstone(2)), "anna", Taking.TAKE, id="added again"),
    pytest.param(offer(1), here(tombstone(2)), "anna", Taking.OLD, id="revival"),
    pytest.param(offer(1), here(None, "a"), "anna", Taking.TAKE, id="what is here, now signed"),
    pytest.param(offer(1), here(None, "b"), "anna", Taking.CLASH, id="another node of the name"),
    pytest.param(tombstone(1), here(None, "b"), "anna", Taking.CLASH, id="removal of another"),
    pytest.param(
        offer(3), here(offer(2), "b"), "anna", Taking.TAKE, id="higher than an unsigned edit"
    ),
    pytest.param(
        offer(3),
        here(offer(2), "b", bars=True),
        "anna",
        Taking.TAKE_BARRED,
        id="higher than an unsigned disable",
    ),
    pytest.param(
        offer(3, bars=True),
        here(offer(2), "b", bars=True),
        "anna",
        Taking.TAKE,
        id="both disable",
    ),
    pytest.param(offer(5, "b", born=9), here(offer(2)), "anna", Taking.CLASH, id="another device"),
    pytest.param(
        tombstone(5, born=9), here(offer(2)), "anna", Taking.CLASH, id="removal of another device"
    ),
    pytest.param(
        offer(5, "b", born=9), here(tombstone(2)), "anna", Taking.TAKE, id="a name that is free"
    ),
]


@pytest.mark.parametrize(("offered", "present", "signer", "taking"), TABLE)
def test_the_table(offered: Offer, present: Here, signer: str | None, taking: Taking) -> None:
    assert take(offered, present, signer, NOW) is taking


def test_a_higher_revision_settles_a_clash() -> None:
    barred = Here(offer=offer(2), content="b", bars=True, is_barred_by_clash=True)

    assert take(offer(3), barred, "anna", NOW) is Taking.TAKE


def test_a_new_registration_that_knows_of_the_present_one_replaces_it() -> None:
    again = Offer(rev=4, content="b", bars=False, born=9, begun=4)

    assert take(again, here(offer(2)), "anna", NOW) is Taking.TAKE


offers = st.builds(
    Offer,
    rev=st.integers(1, 4),
    content=st.sampled_from(["a", "b", None]),
    bars=st.booleans(),
    is_tombstone=st.booleans(),
    born=st.integers(0, 2),
    begun=st.integers(1, 4),
    changed_at=st.just(int(NOW)),
)
heres = st.builds(
    Here,
    offer=st.none() | offers,
    content=st.sampled_from(["a", "b", None]),
    bars=st.booleans(),
    is_barred_by_clash=st.booleans(),
)


@given(offers, heres, st.sampled_from([None, "anna"]))
def test_nothing_unsigned_and_no_lower_revision_is_ever_taken(
    offered: Offer, present: Here, signer: str | None
) -> None:
    taking = take(offered, present, signer, NOW)

    if taking in (Taking.TAKE, Taking.TAKE_BARRED, Taking.BAR):
        assert signer is not None
        assert present.offer is None or offered.rev >= present.offer.rev
    if taking in (Taking.TAKE, Taking.TAKE_BARRED) and present.offer is not None:
        assert offered.rev > present.offer.rev
