"""Messages as they travel, and the configuration of the server that carries them."""

from __future__ import annotations

import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.fleet.believed import believed, members
from checker.fleet.bus_config import BusPlan, bus_config, parse_version, route_listen
from checker.fleet.card_files import KeptCard
from checker.fleet.cards import Card, GatewayState
from checker.fleet.past import Past, parse_past, past_body
from checker.fleet.sayings import (
    MOST_UNPACKED,
    Question,
    Rows,
    packed,
    parse_question,
    parse_rows,
    question_body,
    rows_body,
    sayer_of,
    signed_part,
    unpacked,
)
from checker.fleet.sealed import Sealed
from checker.model import Event, EventKind, InvalidValue, NodeName, Port
from checker.model.gateway_id import GatewayId
from tests.strategies import public_key


@given(st.binary(max_size=4096))
def test_a_body_unpacks_to_what_was_packed(body: bytes) -> None:
    assert unpacked(packed(body)) == body


def test_a_body_that_is_too_long_is_not_packed() -> None:
    with pytest.raises(InvalidValue):
        packed(os.urandom(300 << 10))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\2x", id="another-way"),
        pytest.param(b"\1x", id="damaged"),
        pytest.param(b"\1" + zlib.compress(b"x" * 9000)[:-9], id="cut"),
        pytest.param(b"\1" + zlib.compress(b"x" * (MOST_UNPACKED + 1)), id="a-bomb"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidValue):
        unpacked(content)


def test_what_is_signed_tells_subject_and_body_apart() -> None:
    assert signed_part("reversi.say.gw1.rows", b"x") != signed_part("reversi.say.gw1.row", b"sx")


@pytest.mark.parametrize(
    ("subject", "sayer"),
    [
        ("reversi.say.gw1.pulse", ("gw1", "pulse")),
        ("reversi.say.GW1.pulse", None),
        ("reversi.say.gw1", None),
        ("reversi.say.gw1.pulse.more", None),
        ("reversi.ask.gw1.rows", None),
        ("", None),
    ],
)
def test_who_says_it_is_in_the_subject(subject: str, sayer: object) -> None:
    assert sayer_of(subject) == sayer


def test_questions_rows_and_events_read_as_they_were_sent() -> None:
    question = Question(nonce="n", epoch="e", since=3, known=2)
    rows = Rows(
        epoch="e", number=4, items=[["t", "barn", 1]], nonce="n", upto=3, beat=2, is_whole=True
    )
    event = Event(
        id=6, at=1.5, kind=EventKind.SHELL, text="x", node=NodeName("barn"), port=Port(5), actor="a"
    )
    past = Past(epoch="e", after=5, last=6, events=(event,), nonce="n", has_more=True, beat=3)

    assert parse_question(question_body(question)) == question
    assert parse_rows(rows_body(rows, ['["t","barn",1]'])) == rows
    assert parse_past(past_body(past)) == past


def test_events_with_other_ids_than_they_should_have_are_left_out() -> None:
    events = tuple(Event(id=id_, at=1.0, kind=EventKind.KILL, text="x") for id_ in (4, 5, 6, 7))

    found = parse_past(past_body(Past(epoch="e", after=4, last=6, events=events)))

    assert [one.id for one in found.events] == [5, 6]


def test_a_long_question_is_refused() -> None:
    with pytest.raises(InvalidValue):
        parse_question(b'{"nonce": "' + b"x" * 5000 + b'"}')


def card(id_: str, number: int = 1, state: GatewayState = GatewayState.ACTIVE) -> Card:
    return Card(
        id=GatewayId(id_),
        rev=1,
        changed_at=1,
        changed_by="anna",
        state=state,
        identity=public_key(number),
        bus=f"{id_}.example.org:6223",
        bus_pin=f"{number:02x}" * 32,
        bus_certificate="QUJD",
    )


def kept(one: Card, signature: bytes = b"s") -> KeptCard:
    return KeptCard(card=one, sealed=Sealed(text=b"", signature=signature))


def test_only_signed_cards_of_gateways_that_take_part_count() -> None:
    many = [
        kept(card("gw1")),
        kept(card("gw2"), b""),
        kept(card("gw3", state=GatewayState.REMOVED)),
        kept(card("gw4", state=GatewayState.RESERVED)),
        kept(card("gw5", state=GatewayState.DRAINING)),
    ]

    assert list(members(many, signed=True)) == ["gw1", "gw5"]
    assert list(members(many, signed=False)) == ["gw1", "gw2", "gw5"]


def test_two_gateways_with_one_identity_are_both_not_heard() -> None:
    found = {GatewayId(id_): card(id_, number) for id_, number in (("gw1", 1), ("gw2", 2))}
    twins = {**found, GatewayId("gw3"): card("gw3", 2)}

    assert believed(found, GatewayId("gw1")) == {"gw2": public_key(2)}
    assert believed(twins, GatewayId("gw1")) == {}


PASSWORDS = {"agent": "a", "reader": "r", "editor": "e"}


@pytest.mark.parametrize(
    ("version", "syncs"),
    [
        ("nats-server: v2.9.10", False),
        ("nats-server: v2.10.0", True),
        ("nats-server: v2.15.1", True),
        ("nothing", False),
    ],
)
def test_each_write_is_flushed_only_where_the_server_can(version: str, syncs: bool) -> None:
    plan = BusPlan(
        own=card("gw1"),
        others=[card("gw2", 2)],
        port=4223,
        passwords=PASSWORDS,
        store="/var/lib/reversi-bus",
        version=parse_version(version),
    )

    text = bus_config(plan)

    assert ("sync_interval: always" in text) is syncs
    assert "http" not in text
    assert "host: 127.0.0.1\nport: 4223\n" in text
    assert 'routes: ["nats-route://gw2.example.org:6223"]' in text
    assert 'advertise: "gw1.example.org:6223"' in text, "members reach it by its name"
    assert f'pinned_certs: ["{"01" * 32}", "{"02" * 32}"]' in text


@pytest.mark.parametrize(
    ("bus", "listen"),
    [
        ("gw1.example.org:6223", "0.0.0.0:6223"),
        ("192.0.2.1:7000", "0.0.0.0:7000"),
        ("[2001:db8::1]:6223", "[::]:6223"),
        ("127.0.0.1:6223", "127.0.0.1:6223"),
    ],
)
def test_routes_are_heard_on_all_addresses_but_in_a_lab(bus: str, listen: str) -> None:
    assert route_listen(bus) == listen
