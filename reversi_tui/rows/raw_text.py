"""The raw tab of a row's sheet: the bytes of the last answer, and what is stored. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

from checker.model import Tunnel, printable
from checker.rows.cells import safe

ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")
MOST_BYTES_A_LINE = 16
SHOWN_ELSEWHERE = ("answer",)


def answer_bytes(answer: str) -> bytes:
    """The bytes of an answer that was stored with escapes. A backslash that the device itself sent
    before `x` and two digits cannot be told from an escape.
    """
    return ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), answer.encode("latin-1", "?"))


def dump(content: bytes, width: int) -> Iterator[str]:
    """Offset, hexadecimal digits and characters, as many bytes a line as fit: 16, 8 or 4."""
    each = next((n for n in (16, 8, 4) if 4 * n + 8 <= width), 4)
    for begin in range(0, len(content), each):
        part = content[begin : begin + each]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{begin:04x}  {part.hex(' '):<{3 * each - 1}}  {letters}".rstrip()


def answer_lines(answer: str, width: int) -> list[str]:
    """What the last probe received; at most what is stored of it."""
    if not answer:
        return ["nothing came"]
    return list(dump(answer_bytes(answer), width))


def stored(seen: Tunnel) -> list[tuple[str, str]]:
    """Each field that the state file has of the row, by its name there."""
    return [
        (field.name, text_of(getattr(seen, field.name)))
        for field in fields(seen)
        if field.name not in SHOWN_ELSEWHERE
    ]


def text_of(value: object) -> str:
    return "unknown" if value is None else safe(printable(str(value), 600), 600)
