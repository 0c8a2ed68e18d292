"""An entry or a card with its signature, as it travels: in one text, or many in a batch. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from checker.config.toml_file import MOST_BYTES
from checker.fleet.cards import Card, is_card, parse_card
from checker.model import InvalidValue
from checker.registry.bucket_values import parted
from checker.registry.entries import Entry, parse_entry

MOST_SIGNATURE = 1 << 14
MOST_BATCH = 64 << 20
"""Bytes of one batch: 30,000 entries need 50 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The text of an entry or a card, and its signature."""

    text: bytes
    signature: bytes = b""
    """Armoured, as ssh-keygen writes it; empty: nobody signed it."""

    def parsed(self) -> Entry | Card:
        """Raises InvalidValue."""
        return parse_card(self.text) if is_card(self.text) else parse_entry(self.text)


def digest(text: bytes) -> str:
    """Return what tells two texts of one revision apart."""
    return hashlib.sha256(text).hexdigest()[:16]


def one_text(sealed: Sealed) -> bytes:
    """Return text and signature as one text, for a file that people hand over."""
    return sealed.text + sealed.signature


def from_one_text(content: bytes) -> Sealed:
    """Part text and signature again."""
    text, signature = parted(content)
    return Sealed(text=text, signature=signature)


def batch(many: Iterable[Sealed]) -> bytes:
    """Return many as lines of JSON. It has no names of files, which could lead elsewhere."""
    return b"".join(
        json.dumps({"text": one.text.decode(), "sig": one.signature.decode()}).encode() + b"\n"
        for one in many
    )


def parse_batch(content: bytes) -> list[Sealed]:
    """Parse a batch. Raises InvalidValue."""
    if len(content) > MOST_BATCH:
        raise InvalidValue(f"a batch has at most {MOST_BATCH >> 20} MiB; send fewer entries")
    return [sealed_in(number, line) for number, line in enumerate(content.splitlines(), start=1)]


def sealed_in(number: int, line: bytes) -> Sealed:
    try:
        table = json.loads(line)
        text, signature = str(table["text"]).encode(), str(table["sig"]).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidValue(f"line {number} is not an entry or a card") from None
    if len(text) > MOST_BYTES or len(signature) > MOST_SIGNATURE:
        raise InvalidValue(f"line {number} is too long for an entry or a card")
    return Sealed(text=text, signature=signature)
