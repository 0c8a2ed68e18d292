"""Standard output: all of it is taken, or it is told."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from checker.cli.run import announce
from checker.config.layout import NoGateway, home_layout, refuse_missing
from checker.output import NotPrinted, say


def to_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output goes there from now on."""
    monkeypatch.setattr(
        sys, "stdout", os.fdopen(os.open("/dev/full", os.O_WRONLY), "w", closefd=False)
    )


def test_output_that_cannot_be_written_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    to_a_full_disk(monkeypatch)

    with pytest.raises(
        NotPrinted, match="cannot write to standard output: No space left on device"
    ):
        say("x")


def test_text_that_the_output_cannot_encode_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(taken, encoding="latin-1"))

    say("note: B\u00e4cker \u2192 attic")

    assert taken.getvalue() == b"note: B\xe4cker \\u2192 attic\n"


def test_a_reader_that_is_gone_is_a_broken_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(sys, "stdout", os.fdopen(writer, "w", closefd=False))

    with pytest.raises(BrokenPipeError):
        say("x")


def test_a_gateway_that_cannot_print_that_it_is_ready_lives_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    to_a_full_disk(monkeypatch)

    announce("ready")

    assert "No space left on device; not printed: ready" in caplog.text


def test_a_missing_directory_is_not_a_gateway(tmp_path: Path) -> None:
    refuse_missing(home_layout(tmp_path))
    with pytest.raises(NoGateway, match="there is no gateway"):
        refuse_missing(home_layout(tmp_path / "mistyped"))
