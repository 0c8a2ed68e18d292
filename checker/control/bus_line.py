"""A plain connection to this machine's nats-server, without nats-py: questions, answers, news.

Commands and the agent's thread use it. Source: docs.nats.io, NATS client protocol.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from checker.model import IPV4_LOOPBACK, CheckerError

ANSWERED_WITHIN_S = 5.0
MOST_LINE = 1 << 16
MOST_MESSAGE = 8 << 20
NOBODY = b"503"
"""The status of a message that says: nobody answers under this subject."""

NO_BUCKET = (
    "no gateway on the bus answers for the bucket; after a start that takes some seconds, and later"
    " it means that too few of those that have it are up and see each other"
)


class BusAbsent(CheckerError):
    """The nats-server on this machine does not answer, or refuses us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A message that asks for an answer."""

    subject: str
    payload: bytes = b""
    expected: int | None = None
    """The last sequence that the stream must have; None: any."""

    def headers(self) -> bytes:
        if self.expected is None:
            return b""
        return f"NATS/1.0\r\nNats-Expected-Last-Sequence: {self.expected}\r\n\r\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message from the bus."""

    subject: str
    payload: bytes
    status: bytes = b""


class BusLine:
    """An open connection, for one thread."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.unread = b""
        self.inbox = f"_INBOX.{secrets.token_hex(11)}"
        self.news: list[str] = []
        """Subjects under which something was said, since `hear` was asked last."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.peer.close()

    def follow(self, subject: str) -> None:
        """Collect what is said under a subject as news. Raises BusAbsent."""
        self.send([f"SUB {subject} 2\r\n".encode()])

    def ask(self, question: Question, within_s: float = ANSWERED_WITHIN_S) -> bytes:
        """Return the answer. Raises BusAbsent, also if nobody answers."""
        return self.ask_all([question], within_s)[0]

    def ask_all(
        self, questions: Sequence[Question], within_s: float = ANSWERED_WITHIN_S
    ) -> list[bytes]:
        """Send all questions at once, and return the answers in their order. Raises BusAbsent, also
        if one is not answered.
        """
        token = secrets.token_hex(4)
        replies = [f"{self.inbox}.{token}-{number}" for number in range(len(questions))]
        numbers = {reply: number for number, reply in enumerate(replies)}
        self.send(map(published, questions, replies))
        answers: dict[int, bytes] = {}
        deadline = time.monotonic() + within_s
        while len(answers) < len(questions):
            heard = self.message(deadline)
            if heard is None:
                raise BusAbsent(NO_BUCKET)
            if heard.subject not in numbers:
                continue  # news, the answer to a question that we gave up, or to one of nobody
            if heard.status == NOBODY:
                raise BusAbsent(NO_BUCKET)
            answers[numbers[heard.subject]] = heard.payload
            deadline = time.monotonic() + within_s
        return [answers[number] for number in range(len(questions))]

    def hear(self, within_s: float) -> list[str]:
        """Return the subjects of the news; wait for some, but not longer than this. Raises
        BusAbsent.
        """
        deadline = time.monotonic() + within_s
        while not self.news and self.message(deadline):
            pass
        found, self.news = self.news, []
        return found

    def prove(self) -> None:
        """Have the server answer. Raises BusAbsent."""
        self.send([b"PING\r\n"])
        deadline = time.monotonic() + ANSWERED_WITHIN_S
        while (line := self.line(deadline)) != b"PONG":
            if line is None:
                raise BusAbsent("the nats-server on this machine is silent")
            self.take(line, deadline)

    # --- the protocol

    def send(self, parts: Iterable[bytes]) -> None:
        try:
            self.peer.settimeout(ANSWERED_WITHIN_S)
            self.peer.sendall(b"".join(parts))
        except OSError as error:
            raise BusAbsent(f"the nats-server on this machine is lost ({error})") from error

    def message(self, deadline: float) -> Heard | None:
        """Return the next message; None if none comes in time. Raises BusAbsent."""
        while (line := self.line(deadline)) is not None:
            heard = self.take(line, deadline)
            if heard is not None:
                return heard
        return None

    def take(self, line: bytes, deadline: float) -> Heard | None:
        """Do what a line says; return the message that it begins. Raises BusAbsent."""
        word, *rest = line.split()
        match word.upper():
            case b"MSG":
                return self.heard(rest, 0, int(rest[-1]), deadline)
            case b"HMSG":
                return self.heard(rest, int(rest[-2]), int(rest[-1]), deadline)
            case b"PING":
                self.send([b"PONG\r\n"])
            case b"-ERR":
                said = b" ".join(rest).decode("utf-8", "replace")
                raise BusAbsent(f"the nats-server on this machine refuses us: {said}")
            case _:
                pass  # INFO and PONG
        return None

    def heard(self, words: list[bytes], header: int, size: int, deadline: float) -> Heard:
        if size > MOST_MESSAGE:
            raise BusAbsent("the nats-server on this machine sends too much at once")
        content = self.exactly(size + 2, deadline)[:size]
        first = content[:header].split(b"\r\n", 1)[0].split()
        subject = words[0].decode("utf-8", "replace")
        if not subject.startswith("_INBOX."):
            self.news.append(subject)
        return Heard(
            subject=subject, payload=content[header:], status=first[1] if len(first) > 1 else b""
        )

    def line(self, deadline: float) -> bytes | None:
        """Return the next line that is not empty; None if none comes in time."""
        while True:
            line, end, rest = self.unread.partition(b"\r\n")
            if end:
                self.unread = rest
                if line.strip():
                    return line
            elif len(self.unread) > MOST_LINE or not self.more(deadline):
                return None

    def exactly(self, count: int, deadline: float) -> bytes:
        parts, missing = [self.unread], count - len(self.unread)
        while missing > 0:
            self.unread = b""
            if not self.more(max(deadline, time.monotonic() + ANSWERED_WITHIN_S)):
                raise BusAbsent("the nats-server on this machine fell silent in a message")
            parts.append(self.unread)
            missing -= len(self.unread)
        content = b"".join(parts)
        self.unread = content[count:]
        return content[:count]

    def more(self, deadline: float) -> bool:
        """Read something; return False if nothing comes in time. Raises BusAbsent."""
        try:
            self.peer.settimeout(max(0.001, deadline - time.monotonic()))
            part = self.peer.recv(1 << 18)
        except TimeoutError:
            return False
        except OSError as error:
            raise BusAbsent(f"the nats-server on this machine is lost ({error})") from error
        if not part:
            raise BusAbsent("the nats-server on this machine closed the connection")
        self.unread += part
        return True


def published(one: Question, reply: str) -> bytes:
    headers, payload = one.headers(), one.payload
    if headers:
        sizes = f"{len(headers)} {len(headers) + len(payload)}"
        return f"HPUB {one.subject} {reply} {sizes}\r\n".encode() + headers + payload + b"\r\n"
    return f"PUB {one.subject} {reply} {len(payload)}\r\n".encode() + payload + b"\r\n"


def call(port: int, user: str, password: str, name: str) -> BusLine:
    """Connect to the nats-server on this machine. Raises BusAbsent."""
    try:
        peer = socket.create_connection((IPV4_LOOPBACK, port), ANSWERED_WITHIN_S)
    except OSError as error:
        said = error.strerror or error
        raise BusAbsent(
            f"the nats-server on this machine does not answer at port {port} ({said})"
        ) from error
    line = BusLine(peer)
    words = {
        "verbose": False,
        "pedantic": False,
        "user": user,
        "pass": password,
        "name": name,
        "lang": "python",
        "version": "1",
        "protocol": 1,
        "headers": True,
        "no_responders": True,
    }
    try:
        if line.line(time.monotonic() + ANSWERED_WITHIN_S) is None:
            raise BusAbsent("the nats-server on this machine is silent")
        line.send([f"CONNECT {json.dumps(words)}\r\n".encode()])
        line.prove()
        line.send([f"SUB {line.inbox}.* 1\r\n".encode()])
    except BaseException:
        with contextlib.suppress(OSError):
            peer.close()
        raise
    return line
