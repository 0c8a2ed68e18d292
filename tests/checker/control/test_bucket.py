"""Make the bucket and read it, by what a nats-server answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from checker.control import bucket as bucket_module
from checker.control.bucket import Bucket
from checker.control.bus_line import ANSWERED_WITHIN_S, BusAbsent, BusLine, Question
from checker.registry.bucket_values import CREATE, INFO, PREFIX, UPDATE, BucketRefused

MISSING = json.dumps({"error": {"err_code": 10059, "description": "stream not found"}}).encode()
REFUSED = json.dumps({"error": {"err_code": 10005, "description": "no suitable peers"}}).encode()


MEMBERS = ("gw1", "gw2")


def state(replicas: int, leader: str = "gw1") -> bytes:
    told = {
        "created": "x",
        "state": {"last_seq": 1},
        "config": {"num_replicas": replicas},
        "cluster": {"leader": leader},
    }
    return json.dumps(told).encode()


class ScriptedLine(BusLine):
    """Answers each question with the next of these."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__(socket.socket())
        self.peer.close()
        self.answers, self.asked = list(answers), list[tuple[str, int]]()

    def ask_all(
        self, questions: Sequence[Question], within_s: float = ANSWERED_WITHIN_S
    ) -> list[bytes]:
        for one in questions:
            table = json.loads(one.payload or b"{}")
            self.asked.append((one.subject, table.get("num_replicas", 0)))
        return [self.answers.pop(0) for _ in questions]


@pytest.mark.parametrize(
    ("answers", "asked", "replicas"),
    [
        pytest.param([state(3)], [(INFO, 0)], 3, id="it is there"),
        pytest.param([MISSING, state(3)], [(INFO, 0), (CREATE, 3)], 3, id="it is made"),
        pytest.param(
            [MISSING, REFUSED, state(1)],
            [(INFO, 0), (CREATE, 3), (CREATE, 1)],
            1,
            id="with one copy, if the third gateway is down",
        ),
        pytest.param([state(1), state(3)], [(INFO, 0), (UPDATE, 3)], 3, id="a third one came"),
        pytest.param([state(1), REFUSED], [(INFO, 0), (UPDATE, 3)], 1, id="it is not up yet"),
    ],
)
def test_the_bucket_is_made_with_as_many_copies_as_can_be(
    answers: list[bytes], asked: list[tuple[str, int]], replicas: int
) -> None:
    line = ScriptedLine(*answers)

    found = Bucket(line).make(3, MEMBERS)

    assert line.asked == asked
    assert found.replicas == replicas


@pytest.mark.parametrize(
    ("leader", "asked"),
    [
        pytest.param("gw1", [(INFO, 0), (UPDATE, 1)], id="it stays at gw1"),
        pytest.param("gw3", [(INFO, 0)], id="gw3 was removed, and would keep it"),
        pytest.param("", [(INFO, 0)], id="nobody knows who would keep it"),
    ],
)
def test_a_gateway_that_was_removed_does_not_take_the_bucket_with_it(
    leader: str, asked: list[tuple[str, int]]
) -> None:
    line = ScriptedLine(state(3, leader), state(1, leader))

    Bucket(line).make(1, MEMBERS)

    assert line.asked == asked


def test_what_is_refused_in_any_case_is_an_error() -> None:
    with pytest.raises(BucketRefused, match="no suitable peers"):
        Bucket(ScriptedLine(MISSING, REFUSED, REFUSED)).make(3, MEMBERS)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(b"-ERR 'Authorization Violation'\r\n", id="refused"),
        pytest.param(b"MSG _INBOX.x 1 999999999999\r\n", id="too large"),
        pytest.param(b"MSG _INBOX.x 1 5\r\nab", id="cut"),
        pytest.param(b"", id="closed"),
    ],
)
def test_a_server_that_misbehaves_is_absent(told: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(told)
        theirs.shutdown(socket.SHUT_WR)

        with pytest.raises(BusAbsent):
            BusLine(ours).ask(Question(subject="x"))


def test_what_is_said_is_news_and_a_ping_is_answered() -> None:
    ours, theirs = socket.socketpair()
    line = BusLine(ours)
    with ours, theirs:
        theirs.sendall(b"INFO {}\r\nPING\r\nMSG $KV.reversi.node.a 2 2\r\nhi\r\n")

        assert line.hear(5.0) == ["$KV.reversi.node.a"]
        assert theirs.recv(100) == b"PONG\r\n"
        assert line.hear(0.0) == []


def test_a_rogue_who_answers_in_the_place_of_the_server_is_passed_over() -> None:
    ours, theirs = socket.socketpair()

    def answers() -> None:
        asked = b""
        while asked.count(b"PUB ") < 2 or not asked.endswith(b"\r\n"):
            asked += theirs.recv(4096)
        inboxes = [line.split()[2] for line in asked.split(b"\r\n") if line.startswith(b"PUB ")]
        mark = inboxes[0].rpartition(b"-")[0]
        odd = [b"%s-%s" % (mark, one) for one in (b"x", b"", b"2", b"-1", "\u00b2".encode(), b"00")]
        for number, inbox in enumerate([*odd, b"_INBOX.else-0", *reversed(inboxes)]):
            theirs.sendall(b"MSG %s 1 1\r\n%d\r\n" % (inbox, number % 10))

    with ours, theirs, ThreadPoolExecutor(1) as pool:
        done = pool.submit(answers)
        found = BusLine(ours).ask_all([Question(subject="a"), Question(subject="b")])
        done.result()

    assert found == [b"8", b"7"]


class Endless(BusLine):
    """Somebody who always has one more value."""

    def __init__(self, step: int) -> None:
        super().__init__(socket.socket())
        self.peer.close()
        self.seq, self.step = 0, step

    def ask_all(
        self, questions: Sequence[Question], within_s: float = ANSWERED_WITHIN_S
    ) -> list[bytes]:
        self.seq += self.step
        message = {"subject": f"{PREFIX}node.barn", "seq": self.seq, "data": ""}
        return [json.dumps({"message": message}).encode()] * len(questions)


@pytest.mark.parametrize("step", [0, 1_000])
def test_values_that_do_not_end_are_refused(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_module, "MOST_KEYS", 100)

    with pytest.raises(BucketRefused, match="do not end"):
        list(Bucket(Endless(step)).after(0))
