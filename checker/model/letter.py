"""Letters: acts that an operator asks of another gateway, and signs. Pure.

A letter is one line of JSON, which is what is signed, and behind it the armoured signature. It has
exactly one spelling, so an unknown key, or one that occurs twice, makes it no letter: what a later
version adds may limit what it asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checker.model.action import ITSELF, Aim, GatewayVerb, Verb
from checker.model.errors import InvalidValue
from checker.model.gateway_id import GatewayId, parse_gateway_id, parse_signer
from checker.model.node import PORTS, Port, parse_name
from checker.model.tunnel import ProcessId

MOST_BYTES = 16 << 10
"""Of a letter with its signature: 16 aims and an RSA key of 16384 bits fit."""
MOST_AIMS = 16
MOST_PID = 1 << 22
MOST_TICKS = 1 << 53
LATEST = 1 << 40
NONCE = re.compile(r"[0-9a-f]{32}\Z")
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What an operator asks of a gateway."""

    gateway: GatewayId
    """Which gateway is to act."""
    verb: Verb | GatewayVerb
    aims: tuple[Aim, ...]
    """Of a GatewayVerb: only ITSELF, which is not written down."""
    at: int
    """When it was written, Unix seconds, by the writer's clock."""
    nonce: str
    """32 of 0-9 a-f: each letter is carried out once."""
    by: str
    """Who signed it, as allowed_signers names him."""
    via: GatewayId | None = None
    """The gateway where he wrote it; None: on no gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLetter:
    """A letter as it travels."""

    text: bytes
    """The line that is signed, with its newline."""
    signature: bytes

    @property
    def content(self) -> bytes:
        return self.text + self.signature


def letter_text(letter: Letter) -> bytes:
    """Return the one spelling of a letter."""
    table = {
        "letter": VERSION,
        "gateway": letter.gateway,
        "verb": letter.verb.value,
        "aims": [aim_list(aim) for aim in letter.aims if aim != ITSELF],
        "at": letter.at,
        "nonce": letter.nonce,
        "by": letter.by,
        "via": letter.via,
    }
    return json.dumps(table, separators=(",", ":")).encode() + b"\n"


def aim_list(aim: Aim) -> list[Any]:
    session = aim.session
    return [aim.node, aim.port, *((session.pid, session.start_ticks) if session else ())]


def split_letter(content: bytes) -> SignedLetter:
    """Part a letter from its signature. Raises InvalidValue."""
    if len(content) > MOST_BYTES:
        raise InvalidValue(f"it is longer than {MOST_BYTES >> 10} KiB")
    if not content.isascii():
        raise InvalidValue("it is not plain ASCII")
    line, newline, signature = content.partition(b"\n")
    return SignedLetter(text=line + newline, signature=signature)


def parse_letter(text: bytes) -> Letter:
    """Parse what is signed. Raises InvalidValue."""
    try:
        table = json.loads(text)
        verb = verb_in(text_in(table, "verb"))
        aims = tuple(map(aim_in, list_in(table, "aims")))
        letter = Letter(
            gateway=parse_gateway_id(text_in(table, "gateway")),
            verb=verb,
            aims=(ITSELF, *aims) if isinstance(verb, GatewayVerb) else aims,
            at=whole_in(table["at"], 0, LATEST),
            nonce=text_in(table, "nonce"),
            by=parse_signer(text_in(table, "by")),
            via=None if table["via"] is None else parse_gateway_id(text_in(table, "via")),
        )
    except InvalidValue:
        raise
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise InvalidValue(f"it is not as we write letters ({type(error).__name__})") from None
    refuse_odd(letter)
    if letter_text(letter) != text:
        raise InvalidValue("it says more than this version knows, or is spelled in another way")
    return letter


def nonce_in(content: bytes) -> str:
    """Return the nonce of what may be a letter of a later version, for the answer to it; empty if
    it has none.
    """
    try:
        found = json.loads(content[:MOST_BYTES].partition(b"\n")[0])["nonce"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return ""
    return found if isinstance(found, str) and NONCE.match(found) else ""


def refuse_odd(letter: Letter) -> None:
    """Raise InvalidValue for what no letter may ask."""
    if not NONCE.match(letter.nonce):
        raise InvalidValue("its nonce is not 32 of 0-9 a-f")
    if isinstance(letter.verb, GatewayVerb):
        if letter.aims != (ITSELF,):
            raise InvalidValue(f"a {letter.verb} must name no forward")
        return
    places = {(aim.node, aim.port) for aim in letter.aims}
    if not 1 <= len(letter.aims) == len(places) <= MOST_AIMS:
        raise InvalidValue(f"it must name 1 to {MOST_AIMS} forwards, each of them once")
    if letter.verb is Verb.KILL and not all(aim.session for aim in letter.aims):
        raise InvalidValue("a kill must name the process of each forward")


def verb_in(word: str) -> Verb | GatewayVerb:
    """Raises InvalidValue."""
    known: dict[str, Verb | GatewayVerb] = {one.value: one for one in (*Verb, *GatewayVerb)}
    if word not in known:
        raise InvalidValue(f"it asks for {word!r:.40}, which this version does not know")
    return known[word]


def aim_in(value: Any) -> Aim:
    """The inverse of aim_list. Raises InvalidValue, TypeError, ValueError."""
    node, port, *session = value
    if not isinstance(node, str) or len(session) not in (0, 2):
        raise TypeError(value)
    number = whole_in(port, PORTS.start, PORTS.stop - 1)
    return Aim(
        node=parse_name(node),
        port=Port(number),
        session=ProcessId(
            pid=whole_in(session[0], 2, MOST_PID),
            start_ticks=whole_in(session[1], 0, MOST_TICKS),
        )
        if session
        else None,
    )


def text_in(table: Mapping[str, Any], key: str) -> str:
    """Raises KeyError, TypeError."""
    if not isinstance(table[key], str):
        raise TypeError(key)
    return str(table[key])


def list_in(table: Mapping[str, Any], key: str) -> list[Any]:
    """Raises KeyError, TypeError."""
    if not isinstance(table[key], list):
        raise TypeError(key)
    return list(table[key])


def whole_in(value: Any, lowest: int, highest: int) -> int:
    """Raises ValueError."""
    if type(value) is not int or not lowest <= value <= highest:
        raise ValueError
    return value
