"""What the agent answers to those who bring letters to its socket."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from checker.config.settings import Config
from checker.control.bringing import NoAnswer, NobodyThere
from checker.daemon.operators import Operators
from checker.fleet import post
from checker.fleet.post import Post
from checker.model.gateway_id import GatewayId
from checker.model.letter import MOST_BYTES

STRANGER = 4_000_000_000
"""A uid that no account has."""


@dataclass
class FakeBus:
    """Answers each letter, or fails."""

    error: Exception | None = None
    sent: list[tuple[GatewayId, bytes]] = field(default_factory=list)
    may_end: asyncio.Event | None = None

    async def send(self, id_: GatewayId, content: bytes) -> bytes:
        self.sent.append((id_, content))
        if self.may_end is not None:
            await self.may_end.wait()
        if self.error:
            raise self.error
        return b"done"


def request(letter: bytes = b"letter", gateway: str = "gw2") -> bytes:
    coded = base64.b64encode(letter).decode()
    return json.dumps({"schema": 1, "gateway": gateway, "letter": coded}).encode()


def became(bus: FakeBus, message: bytes, uid: int = 0) -> dict[str, Any]:
    operators = Operators(Config(tunnel_user="nobody"))
    return asyncio.run(Post(operators, bus.send).became(message, uid))


def test_a_letter_is_sent_as_it_came() -> None:
    bus = FakeBus()

    assert became(bus, request()) == {"answer": base64.b64encode(b"done").decode()}
    assert bus.sent == [(GatewayId("gw2"), b"letter")]


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (NobodyThere("cannot be reached"), {"nobody": "cannot be reached"}),
        (NoAnswer("did not answer"), {"silent": "did not answer"}),
    ],
)
def test_why_there_is_no_answer_is_told_apart(error: Exception, answer: dict[str, str]) -> None:
    assert became(FakeBus(error), request()) == answer


def test_only_operators_may_send() -> None:
    bus = FakeBus()

    said = became(bus, request(), STRANGER)

    assert said == {
        "nobody": "was not asked: only root may send letters to other gateways here: use sudo"
    }
    assert bus.sent == []


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 60_000, id="deep"),
        pytest.param(b"{}", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(request(gateway="../etc"), id="no gateway"),
        pytest.param(request(gateway="gw2.rows.>"), id="a subject"),
        pytest.param(request(b"x" * (MOST_BYTES + 1)), id="too long"),
        pytest.param(b'{"gateway": "gw2", "letter": "%%%"}', id="no base64"),
        pytest.param(b'{"gateway": "gw2", "letter": 7}', id="a number"),
    ],
)
def test_what_is_no_letter_is_not_sent(message: bytes) -> None:
    bus = FakeBus()

    said = became(bus, message)

    assert said["nobody"].startswith("was not asked: ")
    assert bus.sent == []


def test_more_letters_than_may_be_under_way_are_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(post, "AT_ONCE", 2)

    async def crowd() -> list[dict[str, Any]]:
        bus = FakeBus(may_end=asyncio.Event())
        assert bus.may_end is not None
        taking = Post(Operators(Config(tunnel_user="nobody")), bus.send)
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(taking.became(request(), 0)) for _ in range(2)]
            while len(bus.sent) < 2:  # noqa: ASYNC110 - the tasks fill it
                await asyncio.sleep(0)
            third = await taking.became(request(), 0)
            bus.may_end.set()
        return [third, *(task.result() for task in waiting), await taking.became(request(), 0)]

    third, *others = asyncio.run(crowd())

    assert third == {"nobody": "was not asked: 2 letters are under way here; repeat it"}
    assert all("answer" in one for one in others)
