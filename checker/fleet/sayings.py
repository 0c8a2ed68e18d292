"""Messages on the bus: their subjects, and their bodies, packed and signed. Pure.

The gateway's identity key signs subject and body, as the bus lets each member write under each
subject. A body has at most 256 KiB as it travels, and 4 MiB unpacked.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from checker.fleet.values import list_of, table_of, text_of, whole_of
from checker.model import InvalidValue
from checker.model.gateway_id import ID_PATTERN, GatewayId

SAY, ASK = "reversi.say", "reversi.ask"
PULSE, ROWS, EVENTS, PAST, ACT = "pulse", "rows", "events", "past", "act"
MOST_PACKED = 256 << 10
MOST_UNPACKED = 4 << 20
SIGNATURE_BYTES = 64
"""Of ed25519."""
PURPOSE = b"reversi-bus-1"
"""A signature for another purpose does not count."""
PACKED_FROM = 512
"""Shorter bodies are sent as they are."""


def say_subject(id_: GatewayId, what: str) -> str:
    return f"{SAY}.{id_}.{what}"


def ask_subject(id_: GatewayId, what: str) -> str:
    return f"{ASK}.{id_}.{what}"


def sayer_of(subject: str) -> tuple[GatewayId, str] | None:
    """Return who says what under this subject; None: it is not ours."""
    match subject.split("."):
        case ["reversi", "say", id_, what] if ID_PATTERN.match(id_):
            return GatewayId(id_), what
        case _:
            return None


def signed_part(subject: str, packed: bytes) -> bytes:
    """Return what is signed: no part of it can be read as another."""
    return b"\0".join((PURPOSE, subject.encode(), packed))


def packed(body: bytes) -> bytes:
    """Pack a body: the first byte says how. Raises InvalidValue."""
    found = b"\1" + zlib.compress(body, 1) if len(body) >= PACKED_FROM else b"\0" + body
    if len(found) > MOST_PACKED - SIGNATURE_BYTES:
        raise InvalidValue(f"a message of {len(found)} bytes is too long")
    return found


def unpacked(content: bytes) -> bytes:
    """The inverse of packed. Raises InvalidValue."""
    match content[:1]:
        case b"\0":
            return content[1:]
        case b"\1":
            unpacking = zlib.decompressobj()
            try:
                body = unpacking.decompress(content[1:], MOST_UNPACKED)
            except zlib.error as error:
                raise InvalidValue("is damaged") from error
            if not unpacking.eof:
                raise InvalidValue(f"unpacks to more than {MOST_UNPACKED >> 20} MiB, or is cut")
            return body
        case _:
            raise InvalidValue("is packed in an unknown way")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Asks for what it said since a number, or for events."""

    nonce: str = ""
    """In the answer again, so that nobody can send an old one; empty until it is asked."""
    epoch: str = ""
    since: int = 0
    """The number of the last change, or the id of the last event, that the asker has."""
    known: int = 0
    """Up to which number the asker knows what is gone; 0: he begins from nothing."""
    about: str = ""
    """Of past time: `marks`, or the period whose sums are asked for; empty: events."""
    place: tuple[str, int] = "", 0
    """The node and port of the last sum that the asker has."""


def question_body(question: Question) -> bytes:
    table = {
        "nonce": question.nonce,
        "epoch": question.epoch,
        "since": question.since,
        "known": question.known,
        **({"about": question.about, "place": question.place} if question.about else {}),
    }
    return json.dumps(table).encode()


def parse_question(body: bytes) -> Question:
    """Raises InvalidValue."""
    if len(body) > 4096:
        raise InvalidValue("is too long for a question")
    table = table_of(body)
    return Question(
        nonce=text_of(table.get("nonce"), 64),
        epoch=text_of(table.get("epoch", ""), 64),
        since=whole_of(table.get("since", 0)),
        known=whole_of(table.get("known", 0)),
        about=text_of(table.get("about", ""), 16),
        place=place_of(table.get("place", ["", 0])),
    )


def place_of(value: Any) -> tuple[str, int]:
    """Raises InvalidValue."""
    match value:
        case [node, port]:
            return text_of(node, 128), whole_of(port)
        case _:
            raise InvalidValue(f"{value!r:.40} is not a place")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Items that were told, or are the answer to a question."""

    epoch: str
    number: int
    """Of this message; in an answer: of the last one that was told."""
    items: Sequence[Any]
    """Not parsed yet, if they came from another gateway."""
    nonce: str = ""
    """Of the question; empty: nobody asked."""
    upto: int = 0
    """In an answer: the number up to which the asker has everything now."""
    beat: int = 0
    """In an answer: of the last pulse."""
    is_whole: bool = False
    has_more: bool = False


def rows_body(rows: Rows, items: Sequence[str]) -> bytes:
    """Render rows with these items, each of which is a text already."""
    head = {
        "epoch": rows.epoch,
        "number": rows.number,
        "nonce": rows.nonce,
        "upto": rows.upto,
        "beat": rows.beat,
        "whole": rows.is_whole,
        "more": rows.has_more,
    }
    return f'{json.dumps(head)[:-1]}, "items": [{",".join(items)}]}}'.encode()


def parse_rows(body: bytes) -> Rows:
    """Raises InvalidValue."""
    table = table_of(body)
    return Rows(
        epoch=text_of(table.get("epoch"), 64),
        number=whole_of(table.get("number")),
        items=list_of(table.get("items")),
        nonce=text_of(table.get("nonce", ""), 64),
        upto=whole_of(table.get("upto", 0)),
        beat=whole_of(table.get("beat", 0)),
        is_whole=table.get("whole") is True,
        has_more=table.get("more") is True,
    )
