"""What an operator hears of a letter, by what comes back over the bus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from checker.control.bringing import NoAnswer, NobodyThere
from checker.fleet.bus import BusLost, NobodyAnswered, NoResponders
from checker.fleet.identity import Identity
from checker.fleet.sayings import ACT, ROWS, ask_subject
from checker.fleet.sending import send
from checker.model.gateway_id import GatewayId

GW2, GW3 = GatewayId("gw2"), GatewayId("gw3")
SUBJECT = ask_subject(GW2, ACT)
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
LETTER = json.dumps({"nonce": "a" * 32}).encode()
BODY = json.dumps({"nonce": "a" * 32, "outcomes": []}).encode()
OLD = json.dumps({"nonce": "b" * 32, "outcomes": []}).encode()
GOOD = Identity(KEY).sealed(SUBJECT, BODY)
CARD = KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


class FakeBus:
    """Brings these answers, and then raises an error."""

    def __init__(self, answers: Sequence[bytes], then: Exception) -> None:
        self.answers, self.then = answers, then

    async def ask(
        self, subject: str, question: bytes, within_s: float, opens: Callable[[bytes], bytes | None]
    ) -> bytes:
        assert (subject, question) == (SUBJECT, LETTER)
        for answer in self.answers:
            found = opens(answer)
            if found is not None:
                return found
        raise self.then


def sent(*answers: bytes, then: Exception | None = None) -> bytes:
    bus = FakeBus(answers, then or NobodyAnswered("late"))
    return asyncio.run(send(bus, GW2, CARD, LETTER))


FORGED = [
    pytest.param(Identity(KEY).sealed(SUBJECT, OLD), id="to another letter"),
    pytest.param(Identity(KEY).sealed(SUBJECT, b"[]"), id="to no letter"),
    pytest.param(Identity(OTHER).sealed(SUBJECT, BODY), id="another gateway's key"),
    pytest.param(Identity(KEY).sealed(ask_subject(GW2, ROWS), BODY), id="about other things"),
    pytest.param(Identity(KEY).sealed(ask_subject(GW3, ACT), BODY), id="for another gateway"),
    pytest.param(GOOD[:-1] + b"x", id="changed"),
    pytest.param(BODY, id="no signature"),
    pytest.param(b"", id="empty"),
    pytest.param(
        KEY.sign(b"reversi-bus-1\0" + SUBJECT.encode() + b"\0\7") + b"\7", id="packed oddly"
    ),
]


def test_the_gateways_own_answer_counts() -> None:
    assert sent(GOOD) == BODY


@pytest.mark.parametrize("forged", FORGED)
def test_what_others_answer_is_passed_over(forged: bytes) -> None:
    assert sent(forged, GOOD) == BODY
    with pytest.raises(NoAnswer, match=r"^did not answer, and somebody on the bus answered"):
        sent(forged)


@pytest.mark.parametrize(
    ("then", "error", "clause"),
    [
        pytest.param(NoResponders("x"), NobodyThere, "cannot be reached", id="nobody is there"),
        pytest.param(NobodyAnswered("x"), NoAnswer, "did not answer in time", id="late"),
        pytest.param(BusLost("x"), NoAnswer, "this machine lost the bus", id="bus lost"),
    ],
)
def test_nothing_was_done_is_said_only_if_nobody_got_the_letter(
    then: Exception, error: type[Exception], clause: str
) -> None:
    with pytest.raises(error, match=clause):
        sent(then=then)


def test_a_card_with_an_unknown_kind_of_key_is_not_asked() -> None:
    with pytest.raises(NobodyThere, match="cannot be believed"):
        asyncio.run(send(FakeBus([], NobodyAnswered("x")), GW2, "ssh-rsa AAAA", LETTER))
