"""Log lines for systemd's journal: only for it, and with a priority on every one."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from checker.journal import is_journal, prefixed

PROGRAM = """
import logging, sys
from checker import journal
journal.start_logging(logging.DEBUG)
logging.debug("probed")
logging.info("started")
logging.warning("killed\\nfor real")
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("cannot")
journal.write("reversi-checker: error: no", logging.ERROR)
raise SystemError("uncaught")
"""


def run(*, has_journal: bool, said: Path) -> list[str]:
    """What the program writes to standard error, which is, or is not, the journal's."""
    with said.open("wb") as stderr:
        found = os.fstat(stderr.fileno())
        inode = found.st_ino if has_journal else found.st_ino + 1
        environ = {**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{inode}"}
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environ, stderr=stderr, check=False, timeout=200
        )
    return said.read_text(encoding="utf-8").splitlines()


def test_in_the_journal_each_line_has_a_priority_and_no_time(tmp_path: Path) -> None:
    lines = run(has_journal=True, said=tmp_path / "said")

    assert lines[:5] == [
        "<7>probed",
        "<6>started",
        "<4>killed",
        "<4>for real",
        "<3>cannot",
    ]
    assert lines[5] == "<3>Traceback (most recent call last):"
    error = lines.index("<3>reversi-checker: error: no")
    assert all(line.startswith("<3>") for line in lines[5:error])
    assert lines[error + 1] == "<2>Traceback (most recent call last):"
    assert all(line.startswith("<2>") for line in lines[error + 1 :])
    assert lines[-1] == "<2>SystemError: uncaught"


def test_elsewhere_each_record_has_a_time_and_a_level(tmp_path: Path) -> None:
    lines = run(has_journal=False, said=tmp_path / "said")

    assert lines[1].endswith(" INFO started")
    assert lines[1].startswith("20")
    assert not [line for line in lines if line.startswith("<")]
    assert "reversi-checker: error: no" in lines


@pytest.mark.parametrize("environ", [{}, {"JOURNAL_STREAM": ""}, {"JOURNAL_STREAM": "8:1"}])
def test_what_does_not_name_the_descriptor_is_not_the_journal(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with (tmp_path / "x").open("wb") as file:
        assert not is_journal(file.fileno(), environ)


def test_a_closed_descriptor_is_not_the_journal() -> None:
    read, write = os.pipe()
    os.close(read)
    os.close(write)

    assert not is_journal(write, {"JOURNAL_STREAM": "0:0"})


def test_levels_between_the_named_ones_get_the_lower_priority() -> None:
    assert prefixed("a\nb", logging.WARNING + 1) == "<4>a\n<4>b"
    assert prefixed("a", logging.NOTSET) == "<7>a"
