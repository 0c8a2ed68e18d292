"""The gate's message arrives as it was sent, and a reply is what the gate reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.daemon.gate_messages import decode_asked, encode_reply
from checker.wire import MALFORMED, OK, Asked, Malformed, Reply, refusal
from tests.gate_message import gate_message

fields = (
    st.binary(max_size=40)
    .filter(lambda raw: b"\0" not in raw)
    .map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)


@given(st.builds(Asked, node=fields, peer=fields, command=fields, key=fields))
def test_what_the_gate_hands_over_arrives(asked: Asked) -> None:
    assert decode_asked(gate_message(asked)) == asked


@given(st.binary())
def test_any_message_is_asked_or_malformed(message: bytes) -> None:
    try:
        asked = decode_asked(message)
    except Malformed:
        return

    assert gate_message(asked) == message


@pytest.mark.parametrize(
    "message",
    [b"", b"gate", b"gate\0a\0b", b"gate\0a\0b\0c\0", b"gate\0a\0b\0c\0d\0e", b"hand\0a\0b\0c"],
)
def test_a_message_without_its_fields_is_malformed(message: bytes) -> None:
    with pytest.raises(Malformed, match="four or five fields"):
        decode_asked(message)


def test_a_reply_is_its_status_answer_and_complaint_a_line_each() -> None:
    assert encode_reply(Reply(answer="3")) == f"{OK}\n3\n\n".encode()
    assert encode_reply(refusal("no \udc80 here", MALFORMED)) == b"64\n0\nno \\udc80 here\n"


def test_a_command_line_replaces_the_answer_with_a_nul_between_its_words() -> None:
    reply = Reply(answer="", becomes=("/bin/sh", "/usr/lib/hold.sh", "office", "0"))

    assert encode_reply(reply) == b"0\n/bin/sh\0/usr/lib/hold.sh\0office\x000\n\n"
