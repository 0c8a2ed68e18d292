"""What a device is answered that asks to become a node: a table, and the limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import (
    MOST_APPLICANTS,
    NAME_PATTERN,
    VERBS,
    Applicant,
    NodeName,
    Port,
    fingerprint,
)
from checker.registry.free_name import free_name
from checker.tunnels.applying import (
    AUTO_WAIT_S,
    LEAST_WAIT_S,
    LONGEST_WAIT_S,
    Answered,
    Known,
    Refused,
    decide,
    network_of,
    over,
)
from checker.wire import MALFORMED, NOT_YOURS, TRY_LATER, Accepted, Enrol, Rejected, Wait
from tests.enrolled import FIELD, applicant, enrolment
from tests.strategies import NOW, node, public_key

HERE = "192.0.2.7"
BARN = node("barn", 3, (20012,))
NOBODY = Known(
    by_key={},
    other_keys=(FIELD.public_key,),
    accepted=(),
    names=(),
    broken=(),
    open_enrolments={"field"},
    applicants={},
)


def asked(number: int = 1, name: str = "Attic Router", **more: Any) -> Enrol:
    return Enrol(name, public_key(number), **more)


def known(*applicants: Applicant, **changes: Any) -> Known:
    return replace(NOBODY, applicants={one.fingerprint: one for one in applicants}, **changes)


def kept(decision: Answered | Refused) -> Applicant:
    assert isinstance(decision, Answered)
    assert decision.put is not None
    return decision.put


def test_a_new_device_waits_under_a_name_like_its_own() -> None:
    host_keys = (public_key(50), "ssh-dss AAAAB3NzaC1kc3MAAACBAO", public_key(51))

    decision = decide(FIELD, asked(host_keys=host_keys), NOBODY, peer=HERE, now=NOW)

    print_ = fingerprint(public_key())
    assert decision == Answered(
        answer=Wait(LEAST_WAIT_S, "attic-router", print_),
        put=Applicant(
            enrolment="field",
            name=NodeName("attic-router"),
            said="Attic Router",
            public_key=public_key(),
            fingerprint=print_,
            host_keys=(public_key(50),),  # one of each type that can be pinned
            peer=HERE,
            first_at=NOW,
            last_at=NOW,
        ),
        is_new=True,
    )


def test_a_name_that_a_node_or_an_applicant_has_gets_a_number() -> None:
    there = known(applicant(2, name=NodeName("attic")), names=("attic-2", "attic-4"))

    assert kept(decide(FIELD, asked(name="attic"), there, peer=HERE, now=NOW)).name == "attic-3"


def test_the_name_of_a_rejected_one_is_free() -> None:
    there = known(applicant(2, name=NodeName("attic"), is_rejected=True))

    assert kept(decide(FIELD, asked(name="attic"), there, peer=HERE, now=NOW)).name == "attic"


@given(st.text(max_size=64), st.sets(st.sampled_from(["device", "device-2", "a", "check-2"])))
def test_any_word_gives_a_free_name_of_a_node(said: str, taken: set[str]) -> None:
    name = free_name(said, lambda one: one in taken)

    assert NAME_PATTERN.match(name)
    assert name not in taken | VERBS


def test_a_long_name_makes_room_for_its_number() -> None:
    assert free_name("x" * 63, lambda name: name == "x" * 63) == "x" * 61 + "-2"
    assert free_name("x" * 60 + "-yz", lambda name: name.endswith("z")) == "x" * 60 + "-2"


@pytest.mark.parametrize("word", ["check", "HOLD", "路由器", "...", "-"])
def test_a_word_that_cannot_name_a_node_becomes_device(word: str) -> None:
    assert free_name(word, lambda _: False) == "device"


def test_a_device_that_asks_again_within_a_minute_changes_nothing() -> None:
    one = applicant()

    decision = decide(
        FIELD,
        asked(name="another", host_keys=(public_key(9),)),
        known(one),
        peer="::1",
        now=NOW + 59,
    )

    assert decision == Answered(answer=Wait(LEAST_WAIT_S, "device-1", one.fingerprint))


def test_a_device_that_asks_again_later_is_only_noted_as_heard() -> None:
    one = applicant()

    decision = decide(
        FIELD, asked(name="other", host_keys=(public_key(9),)), known(one), peer="::1", now=NOW + 60
    )

    assert kept(decision) == replace(one, last_at=NOW + 60)
    assert not isinstance(decision, Refused)
    assert not decision.is_new


def test_an_applicant_whose_name_a_node_took_gets_another() -> None:
    decision = decide(FIELD, asked(), known(applicant(), names=("device-1",)), peer=HERE, now=NOW)

    assert kept(decision).name == "device-1-2"


def test_an_applicant_of_an_enrolment_that_is_over_goes_on_by_the_other_one() -> None:
    other = enrolment(id="other")
    there = known(applicant(enrolment="ended"), open_enrolments={"other", "field"})

    assert kept(decide(other, asked(), there, peer=HERE, now=NOW)).enrolment == "other"
    one = applicant()
    answer = decide(
        other, asked(), replace(there, applicants={one.fingerprint: one}), peer=HERE, now=NOW
    )
    assert answer == Answered(answer=Wait(LEAST_WAIT_S, "device-1", one.fingerprint))


def test_a_rejected_device_hears_so() -> None:
    one = applicant(is_rejected=True)

    assert decide(FIELD, asked(), known(one), peer=HERE, now=NOW) == Answered(answer=Rejected())
    assert kept(decide(FIELD, asked(), known(one), peer=HERE, now=NOW + 99)).is_rejected


def test_an_accepted_device_learns_its_node_under_its_present_name_and_ports() -> None:
    moved = replace(
        BARN,
        forwards=(
            replace(BARN.forwards[0], next_port=Port(20099), public=True),
            replace(BARN.forwards[0], port=Port(20013), leaves_at=5),
        ),
    )
    there = known(
        by_key={BARN.public_key: moved}, accepted={fingerprint(BARN.public_key)}, names=("barn",)
    )

    for own in (FIELD, enrolment(expires=1), enrolment(uses=1, accepted=("a",))):
        decision = decide(own, asked(3, "anything"), there, peer=HERE, now=NOW)

        assert decision == Answered(answer=Accepted("barn", ("*:20099:127.0.0.1:22",)))


@pytest.mark.parametrize(
    ("own", "request_", "there", "status", "why"),
    [
        pytest.param(
            FIELD,
            asked(3),
            known(by_key={BARN.public_key: BARN}, names=("barn",)),
            NOT_YOURS,
            "registered already, and not by an enrolment",
            id="a key that was registered otherwise",
        ),
        pytest.param(
            FIELD,
            asked(3),
            known(
                by_key={BARN.public_key: BARN},
                accepted={fingerprint(BARN.public_key)},
                broken={"barn"},
            ),
            TRY_LATER,
            "file of node barn",
            id="a node whose file is broken",
        ),
        pytest.param(
            FIELD, asked(900), NOBODY, NOT_YOURS, "a key of its own", id="the bundle's key"
        ),
        pytest.param(
            FIELD, Enrol("a", public_key()[:-8]), NOBODY, MALFORMED, "public key", id="half a key"
        ),
        pytest.param(
            FIELD,
            Enrol("a", public_key() + "AAAA"),
            NOBODY,
            MALFORMED,
            "cut off",
            id="a key with another fingerprint, by what is added to it",
        ),
        pytest.param(
            FIELD, Enrol("a", "ssh-dss AAAAB3NzaC1kc3MAAACB"), NOBODY, MALFORMED, "not a", id="dss"
        ),
        pytest.param(
            enrolment(expires=int(NOW)), asked(), NOBODY, NOT_YOURS, "has expired", id="expired"
        ),
        pytest.param(
            enrolment(uses=2, accepted=("a", "b")),
            asked(),
            known(applicant()),
            NOT_YOURS,
            "all of its 2 uses are taken",
            id="used up, also for one that waits",
        ),
        pytest.param(
            FIELD,
            asked(),
            known(*(applicant(number, first_at=0) for number in range(2, MOST_APPLICANTS + 2))),
            TRY_LATER,
            "1000 devices wait already",
            id="too many wait",
        ),
        pytest.param(
            FIELD,
            asked(),
            known(*(applicant(number) for number in range(2, 12))),
            TRY_LATER,
            "10 devices from this address",
            id="too many from one address",
        ),
    ],
)
def test_a_refused_request_keeps_nothing(
    own: Any, request_: Enrol, there: Known, status: int, why: str
) -> None:
    decision = decide(own, request_, there, peer=HERE, now=NOW)

    assert isinstance(decision, Refused)
    assert decision.exit_status == status
    assert why in decision.why


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([applicant(number) for number in range(2, 11)], id="one fewer"),
        pytest.param([applicant(number, peer="192.0.2.8") for number in range(2, 12)], id="others"),
        pytest.param([applicant(number, first_at=NOW - 60) for number in range(2, 12)], id="ago"),
        pytest.param(
            [applicant(number, is_rejected=True) for number in range(2, 12)], id="answered"
        ),
        pytest.param(
            [applicant(number, enrolment="other") for number in range(2, 12)], id="by another one"
        ),
    ],
)
def test_the_limit_of_an_address_counts_only_who_waits_there_since_a_minute(
    others: list[Applicant],
) -> None:
    assert kept(decide(FIELD, asked(), known(*others), peer=HERE, now=NOW)).said == "Attic Router"


def test_rejected_ones_do_not_fill_the_room_of_those_that_wait() -> None:
    there = known(
        *(applicant(number, is_rejected=True) for number in range(2, MOST_APPLICANTS + 2))
    )

    assert kept(decide(FIELD, asked(), there, peer=HERE, now=NOW)).said == "Attic Router"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        (":x:", ":x:"),
    ],
)
def test_an_ipv6_network_is_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize("count", [0, 1, 99, 100, 500, MOST_APPLICANTS - 2])
def test_devices_wait_longer_the_more_of_them_wait(count: int) -> None:
    def seconds(others: int, own: Any) -> int:
        there = known(*(applicant(number, peer="::1") for number in range(2, others + 2)))
        decision = decide(own, asked(), there, peer=HERE, now=NOW)
        assert isinstance(decision, Answered)
        assert isinstance(decision.answer, Wait)
        return decision.answer.seconds

    for own, least in ((FIELD, LEAST_WAIT_S), (enrolment(is_auto=True), AUTO_WAIT_S)):
        assert least <= seconds(count, own) <= seconds(count + 1, own) <= LONGEST_WAIT_S


def test_applicants_that_are_nodes_silent_or_of_ended_enrolments_are_forgotten() -> None:
    stays = applicant(1)
    became = applicant(3)
    silent = applicant(4, last_at=NOW - 86401)
    ended = applicant(5, enrolment="ended")
    there = known(stays, became, silent, ended, by_key={BARN.public_key: BARN})

    assert over(there, {"field"}, NOW) == [became, silent, ended]


def test_of_many_rejected_ones_the_first_heard_are_forgotten() -> None:
    many = [
        applicant(number, is_rejected=True, last_at=NOW - number)
        for number in range(1, MOST_APPLICANTS + 3)
    ]

    assert {one.fingerprint for one in over(known(*many), {"field"}, NOW)} == {
        one.fingerprint for one in many[-2:]
    }


@pytest.mark.parametrize(
    ("word", "name"),
    [("github.com", "github-com"), ("office.20011", "office-20011"), ("LocalHost", "device")],
)
def test_a_device_cannot_take_the_name_of_another_host(word: str, name: str) -> None:
    assert free_name(word, lambda _: False) == name


def test_a_device_that_was_accepted_just_now_waits_until_that_was_read() -> None:
    """The daemon reads the registry first, and then who was accepted."""
    waits = applicant(3)
    there = known(waits, by_key={BARN.public_key: BARN}, names=("barn",))

    decision = decide(FIELD, asked(3), there, peer=HERE, now=NOW)

    assert decision == Answered(answer=Wait(LEAST_WAIT_S, waits.name, waits.fingerprint))


def test_the_device_that_took_the_last_use_waits_until_its_node_was_read() -> None:
    used_up = enrolment(uses=1, accepted=(fingerprint(public_key()),))
    there = known(applicant(1), accepted=used_up.accepted, open_enrolments=())

    decision = decide(used_up, asked(), there, peer=HERE, now=NOW + 1)

    assert isinstance(decision, Answered)
    assert isinstance(decision.answer, Wait)
