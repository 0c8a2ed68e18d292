"""The raw tab: an answer's bytes, and what is stored."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from checker.model import Tunnel, printable
from reversi_tui.rows.raw_text import answer_bytes, answer_lines, stored
from tests.reversi_tui.console.states import tunnel


@pytest.mark.parametrize(
    "content", [b"SSH-2.0-dropbear\r\n", b"\x00\xff\x1b[31m", b"", b"plain", bytes(range(32))]
)
def test_the_bytes_of_an_answer_come_back(content: bytes) -> None:
    assert answer_bytes(printable(content, 400)) == content


@pytest.mark.parametrize(
    ("width", "first"),
    [
        pytest.param(
            80,
            "0000  53 53 48 2d 32 2e 30 2d 64 72 6f 70 62 65 61 72  SSH-2.0-dropbear",
            id="sixteen",
        ),
        pytest.param(50, "0000  53 53 48 2d 32 2e 30 2d  SSH-2.0-", id="eight"),
        pytest.param(30, "0000  53 53 48 2d  SSH-", id="four"),
    ],
)
def test_a_line_has_as_many_bytes_as_fit(width: int, first: str) -> None:
    lines = answer_lines("SSH-2.0-dropbear\\x0d\\x0a", width)

    assert lines[0] == first
    assert lines[-1].endswith("..")
    assert all(len(line) <= width for line in lines)


def test_no_answer_is_said() -> None:
    assert answer_lines("", 80) == ["nothing came"]


def test_each_stored_field_is_there_and_none_can_steer_the_terminal() -> None:
    shown = dict(stored(replace(tunnel("attic", 20010), detail="\x1b[31m", peer=None)))

    assert shown.keys() == {field.name for field in fields(Tunnel)} - {"answer"}
    assert shown["detail"] == "\\x1b[31m"
    assert shown["peer"] == "unknown"
