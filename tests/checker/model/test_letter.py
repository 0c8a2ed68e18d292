"""Letters: their one spelling, and what does not count as one."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import Aim, InvalidValue, NodeName, Port, Verb
from checker.model.action import ITSELF, GatewayVerb
from checker.model.letter import (
    MOST_AIMS,
    MOST_BYTES,
    Letter,
    letter_text,
    nonce_in,
    parse_letter,
    split_letter,
)
from tests.letters import AIM, GW1, GW2, letter
from tests.strategies import maybe_sessions, names, ports, sessions

aims = st.builds(Aim, node=names, port=ports, session=sessions)
loose_aims = st.builds(Aim, node=names, port=ports, session=maybe_sessions)


def lists_of(one: st.SearchStrategy[Aim]) -> st.SearchStrategy[tuple[Aim, ...]]:
    by_place = st.lists(one, min_size=1, max_size=MOST_AIMS, unique_by=lambda a: (a.node, a.port))
    return by_place.map(tuple)


letters = (
    st.builds(
        Letter,
        gateway=st.sampled_from([GW1, GW2]),
        verb=st.just(Verb.KILL),
        aims=lists_of(aims),
        at=st.integers(0, 1 << 40),
        nonce=st.binary(min_size=16, max_size=16).map(bytes.hex),
        by=st.sampled_from(["anna", "ben@example.org"]),
        via=st.sampled_from([None, GW2]),
    )
    | st.builds(
        Letter,
        gateway=st.just(GW1),
        verb=st.sampled_from([Verb.RESET, Verb.PROBE]),
        aims=lists_of(loose_aims),
        at=st.integers(0, 1 << 40),
        nonce=st.just("0" * 32),
        by=st.just("anna"),
        via=st.none(),
    )
    | st.builds(
        letter,
        st.just(ITSELF),
        verb=st.sampled_from(GatewayVerb),
        at=st.integers(0, 1 << 40),
    )
)


@settings(max_examples=50, deadline=None)
@given(letters)
def test_a_letter_is_read_as_it_was_written(wanted: Letter) -> None:
    text = letter_text(wanted)

    assert parse_letter(text) == wanted
    assert split_letter(text + b"signature\n").text == text
    assert nonce_in(text) == wanted.nonce


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_other_text_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidValue):
        parse_letter(text)
    nonce_in(text)


@settings(max_examples=50, deadline=None)
@given(letters, st.data())
def test_a_changed_byte_makes_another_letter_or_none(wanted: Letter, data: st.DataObject) -> None:
    text = bytearray(letter_text(wanted))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= data.draw(st.integers(1, 255))

    with contextlib.suppress(InvalidValue):
        assert parse_letter(bytes(text)) != wanted


def table(**given: Any) -> bytes:
    """A letter with these values in it."""
    return json.dumps(
        {**json.loads(letter_text(letter())), **given}, separators=(",", ":")
    ).encode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(table(), id="no newline"),
        pytest.param(table(more=1) + b"\n", id="an unknown key"),
        pytest.param(table().replace(b'"at"', b'"nonce":"","at"') + b"\n", id="a key twice"),
        pytest.param(table(letter=2) + b"\n", id="another version"),
        pytest.param(table(verb="reboot") + b"\n", id="another verb"),
        pytest.param(table(verb=["drain"]) + b"\n", id="no verb"),
        pytest.param(table(verb="drain") + b"\n", id="a drain of a node"),
        pytest.param(table(verb="shell") + b"\n", id="a shell"),
        pytest.param(table(gateway="../x") + b"\n", id="no ID"),
        pytest.param(table(by="-o x") + b"\n", id="an option"),
        pytest.param(table(by="anna,ben") + b"\n", id="two signers"),
        pytest.param(table(via="gw2 ") + b"\n", id="no gateway"),
        pytest.param(table(nonce="x" * 32) + b"\n", id="no nonce"),
        pytest.param(table(nonce="") + b"\n", id="an empty nonce"),
        pytest.param(table(at=1.5) + b"\n", id="half a second"),
        pytest.param(table(at=True) + b"\n", id="no time"),
        pytest.param(table(at=10**400) + b"\n", id="a huge time"),
        pytest.param(table(aims=[]) + b"\n", id="no aim"),
        pytest.param(table(aims=[["office", 20010]]) + b"\n", id="a kill of no process"),
        pytest.param(table(aims=[["office", 20010, 1, 5]]) + b"\n", id="a kill of init"),
        pytest.param(table(aims=[["office", 0, 9, 5]]) + b"\n", id="no port"),
        pytest.param(table(aims=[["office", "20010", 9, 5]]) + b"\n", id="a text as port"),
        pytest.param(table(aims=[["a/b", 20010, 9, 5]]) + b"\n", id="no name"),
        pytest.param(table(aims=[["office", 20010, 9, 5]] * 2) + b"\n", id="an aim twice"),
        pytest.param(table(aims=[["office", 20010, 9]]) + b"\n", id="half a process"),
        pytest.param(
            table(aims=[["office", port, 9, 5] for port in range(1, MOST_AIMS + 2)]) + b"\n",
            id="too many aims",
        ),
        pytest.param(table(aims="office") + b"\n", id="a text as aims"),
        pytest.param(b"[" * 16_000 + b"\n", id="deep"),
        pytest.param(b'{"letter":' * 3_000 + b"\n", id="deep tables"),
        pytest.param(b"null\n", id="null"),
    ],
)
def test_a_letter_that_asks_for_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidValue):
        parse_letter(text)


def test_a_verb_of_a_later_version_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidValue, match="asks for 'reboot', which this version does not know"):
        parse_letter(table(verb="reboot") + b"\n")


def test_a_drain_is_written_without_an_aim() -> None:
    text = letter_text(letter(ITSELF, verb=GatewayVerb.DRAIN))

    assert b'"verb":"drain","aims":[],' in text


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"x" * (MOST_BYTES + 1), "longer than 16 KiB"), ("ü\n".encode(), "not plain ASCII")],
)
def test_a_letter_is_short_and_plain(content: bytes, why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        split_letter(content)


def test_the_largest_letter_fits_with_its_signature() -> None:
    many = [
        Aim(node=NodeName("n" * 63), port=Port(65000 + number), session=AIM.session)
        for number in range(MOST_AIMS)
    ]
    armour_of_an_rsa_key_of_16384_bits = 6_000

    assert len(letter_text(letter(*many))) + armour_of_an_rsa_key_of_16384_bits < MOST_BYTES


@pytest.mark.parametrize(
    ("content", "nonce"),
    [
        (table(letter=2, nonce="ab" * 16, more=[]) + b"\n", "ab" * 16),
        (table(nonce=7) + b"\n", ""),
        (b"[]\n", ""),
        (b"[" * 20_000, ""),
    ],
)
def test_the_nonce_of_a_later_letter_is_known(content: bytes, nonce: str) -> None:
    assert nonce_in(content) == nonce
