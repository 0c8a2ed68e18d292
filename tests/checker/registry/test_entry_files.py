"""Entries on the disk: a text and its signature, which are two files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PosixPath
from typing import Self

import pytest

from checker.config.toml_file import ConfigError
from checker.registry.entry_files import read_pair, signature_path, write_signed


class Watched(PosixPath):
    """The path of an entry that another process replaces while it is read."""

    replace_it: Callable[[], None]
    looks_left = 0
    """Looks at the signature's file until the last one before which it is replaced."""
    text: Self | None = None
    """Of a signature's path: that of its entry."""

    def with_name(self, name: str) -> Self:
        found = type(self)(super().with_name(name))
        found.text = self
        return found

    def __fspath__(self) -> str:
        if self.text is not None:
            self.text.looks_left -= 1
            if self.text.looks_left == 0:
                self.text.replace_it()
        return super().__fspath__()


@pytest.mark.parametrize("before_look", [1, 2, 3])
@pytest.mark.parametrize("signature", [b"new", b""], ids=["signed", "not signed"])
def test_a_text_is_never_read_with_the_signature_of_another_one(
    tmp_path: Path, before_look: int, signature: bytes
) -> None:
    path = tmp_path / "office.toml"
    write_signed(path, b"old text", b"old")
    entry = Watched(path)
    entry.looks_left = before_look
    entry.replace_it = lambda: write_signed(path, b"new text", signature)

    found = read_pair(entry, 100)

    assert entry.looks_left <= 0, "it was replaced"
    assert found == (b"new text", signature)


def test_a_text_that_nobody_signed_has_no_signature(tmp_path: Path) -> None:
    path = tmp_path / "office.toml"
    write_signed(path, b"1", b"")

    assert read_pair(path, 100) == (b"1", b"")


def test_a_signature_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "office.toml"
    write_signed(path, b"1", b"")
    signature_path(path).mkdir()

    with pytest.raises(ConfigError, match="not a regular file"):
        read_pair(path, 100)
