"""Text as editors save it."""

from __future__ import annotations

import pytest

from checker.model import decoded


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_decoded_by_its_byte_order_mark(encoding: str) -> None:
    assert decoded("n\u00f6de\n".encode(encoding)) == "n\u00f6de\n"


@pytest.mark.parametrize("content", [b"\xff\x00\xff", b"\xff\xfe\x00"])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        decoded(content)
