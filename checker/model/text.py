"""Text that is safe to show, with control characters escaped; and text as editors save it."""

from __future__ import annotations

import codecs
import re

ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}


def unescape(text: str) -> bytes:
    r"""Encode text for the wire: UTF-8, with \r \n \t \\ and \xNN replaced by their bytes."""

    def one(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code[1:], 16)]) if len(code) == 3 else ESCAPES[code]

    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rnt\\])", one, text.encode("utf-8", "surrogateescape"))


def printable(text: str | bytes, limit: int = 64) -> str:
    """Make text from a device safe to show: escape it, and cut it to `limit` characters."""
    raw = text.decode("latin-1") if isinstance(text, bytes) else text
    if raw.isascii() and raw.isprintable():
        return raw[:limit]
    shown = "".join(
        c if " " <= c <= "~" else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}"
        for c in raw[:limit]
    )
    return shown[:limit]


def decoded(content: bytes) -> str:
    """Decode UTF-8 with or without a byte order mark, or UTF-16 with one: editors and shells of
    Windows write all three. Raises UnicodeDecodeError.
    """
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig")
