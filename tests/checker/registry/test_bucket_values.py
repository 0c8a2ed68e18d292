"""The bucket's values, and what the server answers."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.registry.bucket_values import (
    BEGIN,
    MOST_AT_ONCE,
    BucketMissing,
    BucketRefused,
    Key,
    Mark,
    Stale,
    Value,
    is_named,
    key_of,
    parse_posted,
    parse_state,
    parse_value,
    parted,
    replicas_for,
    settings,
    window_after,
)


def refused(code: int) -> bytes:
    return json.dumps({"error": {"code": 400, "err_code": code, "description": "no"}}).encode()


def message(data: bytes, subject: str = "$KV.reversi.node.barn") -> bytes:
    found = {"subject": subject, "seq": 7, "data": base64.b64encode(data).decode()}
    return json.dumps({"message": found}).encode()


def test_a_key_is_a_subject_and_back() -> None:
    key = Key(kind="node", name="a.b")

    assert key_of(key.subject) == key
    assert key_of("$KV.reversi.other.x") is None
    assert key_of("$KV.reversi.node.") is None
    assert key_of("reversi.say.gw1.pulse") is None


@given(text=st.binary(max_size=60), signature=st.binary(max_size=60))
def test_text_and_signature_are_parted_where_they_were_joined(
    text: bytes, signature: bytes
) -> None:
    whole = text.replace(b"-", b"") + b"\n"
    seal = BEGIN + signature.replace(b"-", b"")

    assert parted(whole + seal) == (whole, seal)
    assert parted(whole) == (whole, b"")


def test_a_value_is_read() -> None:
    assert parse_value(message(b"text\n" + BEGIN + b"x")) == Value(
        key=Key(kind="node", name="barn"), seq=7, text=b"text\n", signature=BEGIN + b"x"
    )
    assert parse_value(refused(10037)) is None


def test_a_value_must_name_what_it_is_about() -> None:
    text = b'rev = 1\n\n[entry]\nnode = "barn"\nrev = 1\n'

    assert is_named(Key(kind="node", name="barn"), text)
    assert not is_named(Key(kind="node", name="bar"), text)
    assert not is_named(Key(kind="gateway", name="barn"), text)
    assert is_named(Key(kind="gateway", name="gw1"), b'# head\ngateway = "gw1"\n')


def test_what_a_server_says_of_the_bucket_is_read() -> None:
    told = {"created": "today", "state": {"last_seq": 9}, "config": {"num_replicas": 3}}

    found = parse_state(json.dumps(told).encode())

    assert found.mark == Mark(made="today", seq=9)
    assert found.replicas == 3
    assert parse_posted(b'{"stream":"KV_reversi","seq":4}') == 4


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'{"error":1}', b'{"message":{"data":"?"}}', b"\xff", refused(1)]
)
def test_an_answer_that_is_not_clear_is_refused(answer: bytes) -> None:
    for parse in (parse_state, parse_value, parse_posted):
        with pytest.raises(BucketRefused):
            parse(answer)


def test_errors_that_matter_have_names() -> None:
    with pytest.raises(Stale):
        parse_posted(refused(10071))
    with pytest.raises(BucketMissing):
        parse_state(refused(10059))


def test_the_bucket_forgets_nothing_to_make_room() -> None:
    found = json.loads(settings(3))

    assert (found["discard"], found["num_replicas"], found["max_msgs_per_subject"]) == ("new", 3, 1)
    assert found["deny_delete"] is found["deny_purge"] is True


@pytest.mark.parametrize(("gateways", "copies"), [(1, 1), (2, 1), (3, 3), (9, 3)])
def test_two_gateways_have_one_copy_and_more_have_three(gateways: int, copies: int) -> None:
    assert replicas_for(gateways) == copies


def value(seq: int, size: int = 10) -> Value:
    return Value(key=None, seq=seq, text=b"x" * size, signature=b"")


def test_a_window_grows_where_values_are_dense_and_shrinks_in_gaps() -> None:
    assert window_after([value(1), value(2)], 2) == (4, 3)
    assert window_after([value(9)] * 8, 8) == (4, 10)
    assert window_after([value(at) for at in range(256)], 256)[0] == MOST_AT_ONCE
    assert window_after([value(at, 128 << 10) for at in range(256)], 256)[0] == 64
