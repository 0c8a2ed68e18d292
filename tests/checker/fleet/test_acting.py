"""Letters from the bus: several at once, and no more than the daemon can bear."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from checker.fleet.acting import AT_ONCE, Acting
from checker.fleet.allowance import Allowance
from checker.fleet.identity import Identity, Known
from checker.fleet.letter_box import said
from checker.fleet.sayings import ACT, ask_subject
from checker.model.gateway_id import GatewayId

KEY = Ed25519PrivateKey.generate()
KNOWN = Known(KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())
SUBJECT = ask_subject(GatewayId("gw2"), ACT)
LETTER = json.dumps({"nonce": "f" * 32}).encode()


def opened(answer: bytes | None) -> dict[str, Any]:
    assert answer is not None
    body = KNOWN.opened(SUBJECT, answer)
    assert body is not None
    return dict(json.loads(body))


def test_a_slow_act_keeps_no_other_waiting_and_too_many_are_refused() -> None:
    may_end, begun = threading.Event(), threading.Semaphore(0)

    def slow(content: bytes) -> bytes:
        begun.release()
        assert may_end.wait(100)
        return said(outcomes=[], nonce=content.decode())

    async def crowd() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        acting = Acting(Identity(KEY), slow)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(acting.answer(SUBJECT, b"%d" % number))
                for number in range(AT_ONCE)
            ]
            for _ in range(AT_ONCE):  # all of them are under way
                assert await asyncio.to_thread(begun.acquire, timeout=100)
            over = await acting.answer(SUBJECT, LETTER)
            may_end.set()
        return opened(over), [opened(task.result()) for task in tasks]

    over, done = asyncio.run(crowd())

    assert over["nonce"] == "f" * 32
    assert over["refused"] == "16 letters are being carried out there; repeat it in a minute"
    assert [one["nonce"] for one in done] == [str(number) for number in range(AT_ONCE)]


def test_of_a_flood_most_letters_never_reach_the_daemon() -> None:
    reached: list[bytes] = []

    def note(content: bytes) -> bytes:
        reached.append(content)
        return said(refused="no")

    async def flood() -> list[bytes | None]:
        acting = Acting(Identity(KEY), note)
        acting.allowance = Allowance(0.0)
        return [await acting.answer(SUBJECT, LETTER) for _ in range(20)]

    assert asyncio.run(flood()) == [None] * 20
    assert reached == []


def test_an_allowance_is_for_each_second_and_does_not_pile_up() -> None:
    allowance = Allowance(3.0)

    taken = [sum(allowance.take(now) for _ in range(20)) for now in (0.0, 0.7, 0.7, 1000.0)]

    assert taken == [3, 2, 0, 3]
