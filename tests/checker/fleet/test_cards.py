"""Cards of gateways."""

from __future__ import annotations

import pytest

from checker.fleet.cards import Card, GatewayState, card_text, is_card, known_hosts, parse_card
from checker.fleet.sealed import Sealed, batch, from_one_text, one_text, parse_batch
from checker.model import InvalidValue
from checker.model.gateway_id import GatewayId
from checker.registry.bucket_values import BEGIN
from tests.strategies import public_key

CARD = Card(
    id=GatewayId("gw1"),
    rev=3,
    changed_at=1_800_000_000,
    changed_by="anna",
    state=GatewayState.RESERVED,
    weight=2.5,
    addresses=("gw1.example.org:22", "[2001:db8::1]:2222"),
    host_keys=(public_key(1), public_key(2)),
    identity=public_key(3),
    bus="192.0.2.1:6223",
    bus_pin="0a" * 32,
    bus_certificate="MIIB",
    more={"later": "kept"},
)
SIGNATURE = BEGIN + b"U1NIU0lH\n-----END SSH SIGNATURE-----\n"


def test_a_card_reads_as_it_was_written() -> None:
    found = parse_card(card_text(CARD))

    assert found == CARD
    assert found.more == CARD.more


def test_what_it_says_does_not_depend_on_who_says_it_and_when() -> None:
    other = parse_card(card_text(CARD).replace(b'"anna"', b'"ben"'))

    assert other != CARD
    assert other.content == CARD.content


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"gw1"', '"../gw1"', "cannot be the ID of a gateway"),
        ("rev = 3", "rev = 0", "rev must be a whole number"),
        ('"reserved"', '"asleep"', "state must be one of active, draining, reserved, removed"),
        ("2.5", "-1.0", "weight must be a number"),
        ("gw1.example.org:22", "gw1.example.org", "add the port"),
        ("ssh-ed25519", "ssh-nonsense", "not a public key"),
        ('"192.0.2.1:6223"', '"192.0.2.1"', "bus"),
        ("0a0a", "0a\\n", "bus_pin is not as"),
        ('"MIIB"', '"-----"', "bus_certificate is not as"),
        ('"anna"', '"anna,*"', "cannot name a signer"),
    ],
)
def test_a_bad_value_is_named(old: str, new: str, why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        parse_card(card_text(CARD).replace(old.encode(), new.encode()))


def test_its_host_keys_are_pinned_under_the_gateways_own_name() -> None:
    assert known_hosts(CARD).splitlines() == [
        f"reversi-gw1 {public_key(1)}",
        f"reversi-gw1 {public_key(2)}",
    ]


def test_text_and_signature_travel_as_one_text_and_in_a_batch() -> None:
    sealed = Sealed(text=card_text(CARD), signature=SIGNATURE)

    assert is_card(sealed.text)
    assert from_one_text(one_text(sealed)) == sealed
    assert parse_batch(batch([sealed, Sealed(text=sealed.text)])) == [
        sealed,
        Sealed(text=sealed.text),
    ]
