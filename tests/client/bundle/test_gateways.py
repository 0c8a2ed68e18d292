"""Which host keys a bundle pins for which gateway."""

from __future__ import annotations

import re

import pytest

from checker.model import InvalidValue
from client.bundle.gateways import Given, key_texts, parse_gateway, pinning, pins_of
from tests.strategies import public_key

HERE, NEXT, THERE, STRANGE = (public_key(number) for number in range(1, 5))
BARE, GW1, GW2 = "gw.example.org:22", "gw1=192.0.2.1:22", "gw2=192.0.2.2:22"


def given(id_: str, *keys: str) -> Given:
    return Given(id=id_, keys=keys)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gw.example.org", BARE),
        ("gw1=192.0.2.1", GW1),
        ("gw1=[2001:db8::1]:2222", "gw1=[2001:db8::1]:2222"),
        ("gw1=[2001:db8::1]", "gw1=[2001:db8::1]:22"),
    ],
)
def test_a_gateway_may_have_an_id(text: str, expected: str) -> None:
    assert parse_gateway(text) == expected


@pytest.mark.parametrize("text", ["GW=a:22", "=a:22", f"{'g' * 33}=a:22", "a b=c:22"])
def test_an_id_has_few_characters(text: str) -> None:
    with pytest.raises(InvalidValue, match="cannot be a gateway's id"):
        parse_gateway(text)


def test_gateways_without_ids_share_one_list() -> None:
    found = pinning([BARE, "192.0.2.1:22"], [HERE], [given("", NEXT, HERE)])

    assert found.lines == (HERE, NEXT)
    assert (found.own, found.to_come) == ((HERE,), (NEXT,))


def test_a_gateway_with_host_keys_of_its_own_has_no_others() -> None:
    found = pinning([GW1, GW2], [HERE], [given("gw2", THERE), given("", NEXT)])

    assert [pins_of(gateway, found.lines) for gateway in (GW1, GW2)] == [(HERE, NEXT), (THERE,)]
    assert (found.own, found.to_come) == ((HERE,), (NEXT,)), "the other gateway notes its own"


def test_a_gateway_without_an_id_does_not_take_the_keys_of_one_with_an_id() -> None:
    found = pinning([BARE, GW2], [HERE], [given("gw2", THERE)])

    assert [pins_of(gateway, found.lines) for gateway in (BARE, GW2)] == [(HERE,), (THERE,)]


def test_this_machine_is_known_by_its_key_whatever_its_id() -> None:
    found = pinning([GW1, GW2], [HERE], [given("gw1", HERE, NEXT), given("gw2", THERE)])

    assert (found.own, found.to_come) == ((HERE,), (NEXT,))


def test_a_bundle_for_other_machines_pins_none_of_this_one() -> None:
    found = pinning([GW2], [HERE], [given("gw2", THERE)])

    assert (found.lines, found.own, found.to_come) == ((f"gw2 {THERE}",), (), ())


@pytest.mark.parametrize(
    ("gateways", "keys", "why"),
    [
        pytest.param([GW1], given("gw9", THERE), "add --gateway gw9=HOST", id="no such gateway"),
        pytest.param([BARE, f"gw1={BARE}"], given("gw1", THERE), "two ids", id="two ids"),
    ],
)
def test_contradictions_are_refused(gateways: list[str], keys: Given, why: str) -> None:
    with pytest.raises(InvalidValue, match=re.escape(why)):
        pinning(gateways, [HERE], [keys])


def test_a_key_for_this_machine_needs_a_gateway_that_is_this_machine() -> None:
    with pytest.raises(InvalidValue, match="each gateway has host keys of its own"):
        pinning([GW2], [HERE], [given("gw2", THERE), given("", NEXT)])


def test_a_file_of_known_hosts_is_read_as_well_as_a_public_key() -> None:
    text = f"# comment\n\n[gw]:22 {HERE} a comment\n|1|abc=|def= {THERE}\n{NEXT} root@gw\n"

    assert list(key_texts(text)) == [HERE, THERE, f"{NEXT} root@gw"]
