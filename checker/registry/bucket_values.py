"""The registry's bucket on the bus: its keys, its values, and what the server is asked. Pure.

A value is an entry or a card, and its signature behind it. The bucket proves nothing: whoever is on
the bus can write into it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from checker.model import CheckerError

STREAM = "KV_reversi"
PREFIX = "$KV.reversi."
ALL = f"{PREFIX}>"
INFO = f"$JS.API.STREAM.INFO.{STREAM}"
GET = f"$JS.API.STREAM.MSG.GET.{STREAM}"
CREATE = f"$JS.API.STREAM.CREATE.{STREAM}"
UPDATE = f"$JS.API.STREAM.UPDATE.{STREAM}"
NODE, GATEWAY = "node", "gateway"
KINDS = (NODE, GATEWAY)
MOST_VALUE = 128 << 10
MOST_KEYS = 200_000
MOST_BYTES = 192 << 20
"""Of the bucket. nats-server refuses what does not fit; it forgets nothing for it."""
MOST_AT_ONCE = 256
"""Questions."""
MOST_IN_FLIGHT = 8 << 20
"""Bytes of values that are asked for at once."""
NO_STREAM, NO_MESSAGE, STALE = 10059, 10037, 10071
"""Error codes. Source: nats-server, server/errors.json."""
BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
"""Source: PROTOCOL.sshsig of OpenSSH."""


class BucketMissing(CheckerError):
    """There is no bucket yet; agents make it."""


class BucketRefused(CheckerError):
    """The bucket cannot be read or written now."""


class Stale(CheckerError):
    """Somebody wrote into the bucket since it was read."""


class Key(NamedTuple):
    """What a value is about."""

    kind: str
    name: str

    @property
    def subject(self) -> str:
        return f"{PREFIX}{self.kind}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A state of the bucket."""

    made: str
    """When the bucket was made, as the server says it: another one after a loss."""
    seq: int
    """Of the last value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the server says about the bucket."""

    mark: Mark
    replicas: int
    leader: str = ""
    """Which gateway's server leads the copies; empty: unknown, or a server on its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value as it lies in the bucket; nobody has verified it."""

    key: Key | None
    """None: it is under no key of ours."""
    seq: int
    text: bytes
    signature: bytes


def key_of(subject: str) -> Key | None:
    kind, _, name = subject.removeprefix(PREFIX).partition(".")
    is_ours = subject.startswith(PREFIX) and kind in KINDS and name
    return Key(kind=kind, name=name) if is_ours else None


def is_named(key: Key, text: bytes) -> bool:
    """Return whether a text seems to be what the key says, without parsing it: a rogue can write
    100,000 values.
    """
    word = "node" if key.kind == NODE else "gateway"
    return f'\n{word} = "{key.name}"\n'.encode() in text


def parted(content: bytes) -> tuple[bytes, bytes]:
    """Part text and signature."""
    text, mark, rest = content.rpartition(b"\n" + BEGIN)
    return (text + b"\n", BEGIN + rest) if mark else (content, b"")


def settings(replicas: int) -> bytes:
    """Return the settings of the bucket."""
    table = {
        "name": STREAM,
        "description": "the registry of a fleet of reversi",
        "subjects": [ALL],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "max_msgs": MOST_KEYS,
        "max_bytes": MOST_BYTES,
        "max_msg_size": MOST_VALUE,
        "max_consumers": -1,
        "max_age": 0,
        "duplicate_window": 120_000_000_000,
        "deny_delete": True,
        "deny_purge": True,
    }
    return json.dumps(table).encode()


def replicas_for(gateways: int) -> int:
    """Return how many copies the bucket has: with two gateways, two would stop both if one dies."""
    return 3 if gateways >= 3 else 1


def next_one(seq: int) -> bytes:
    """Ask for the first value from this sequence on."""
    return json.dumps({"seq": seq, "next_by_subj": ALL}).encode()


def last_of(key: Key) -> bytes:
    """Ask for the value of a key."""
    return json.dumps({"last_by_subj": key.subject}).encode()


def parse_state(answer: bytes) -> State:
    """Raises BucketMissing, BucketRefused."""
    table = answered(answer)
    try:
        state = table["state"]
        mark = Mark(made=str(table["created"]), seq=int(state["last_seq"]))
        leader = (table.get("cluster") or {}).get("leader", "")
        return State(mark=mark, replicas=int(table["config"]["num_replicas"]), leader=str(leader))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise BucketRefused("the nats-server says nothing clear about the bucket") from None


def parse_value(answer: bytes) -> Value | None:
    """Parse an answer to `next_one`; None: there is no further value. Raises BucketMissing,
    BucketRefused.
    """
    table = json_of(answer)
    if code_of(table) == NO_MESSAGE:
        return None
    try:
        message = answered(answer)["message"]
        content = base64.b64decode(message.get("data", ""), validate=True)
        seq, subject = int(message["seq"]), str(message["subject"])
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, binascii.Error):
        raise BucketRefused("the nats-server gives no clear value of the bucket") from None
    text, signature = parted(content)
    return Value(key=key_of(subject), seq=seq, text=text, signature=signature)


def parse_posted(answer: bytes) -> int:
    """Return the sequence of a value that was written. Raises Stale, BucketMissing,
    BucketRefused.
    """
    table = answered(answer)
    try:
        return int(table["seq"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise BucketRefused("the nats-server says not what it wrote") from None


def answered(answer: bytes) -> dict[str, Any]:
    """Return what the server answered. Raises BucketMissing, Stale, BucketRefused."""
    table = json_of(answer)
    match code_of(table):
        case None:
            return table
        case 10059:
            raise BucketMissing("there is no bucket on the bus yet; an agent makes it")
        case 10071:
            raise Stale("somebody else wrote into the bucket meanwhile")
        case _:
            error = table["error"]
            said = str(error.get("description"))[:200] if isinstance(error, dict) else "an error"
            raise BucketRefused(f"the bucket on the bus: {said}")


def json_of(answer: bytes) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BucketRefused("the nats-server gives no clear answer about the bucket")
    return found


def code_of(table: dict[str, Any]) -> int | None:
    error = table.get("error")
    if error is None:
        return None
    code = error.get("err_code") if isinstance(error, dict) else 0
    return code if isinstance(code, int) else 0


def window_after(found: Sequence[Value | None], window: int) -> tuple[int, int]:
    """Return how many to ask for at once next, and from which sequence: few where values are far
    apart, as each question about a gap has the same answer.
    """
    seqs = {one.seq for one in found if one}
    size = sum(len(one.text) for one in found if one) // max(1, len(found))
    most = max(1, min(MOST_AT_ONCE, MOST_IN_FLIGHT // max(1, size)))
    wider = window * 2 if len(seqs) * 2 > window else max(1, window // 2)
    return min(most, wider), max(seqs) + 1
