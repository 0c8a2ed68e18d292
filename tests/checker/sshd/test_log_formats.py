"""sshd's lines in syslog's file and in the journal."""

from __future__ import annotations

import pytest

from checker.sshd.log_formats import from_journal, from_syslog
from checker.sshd.log_lines import (
    LogLine,
)
from tests.checker.sshd.samples import ACCEPTED


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            f"Nov 22 11:37:28 gw sshd[29666]: {ACCEPTED}",
            LogLine(text=ACCEPTED, pid=29666),
            id="classic",
        ),
        pytest.param(
            f"Nov  2 11:37:28 gw sshd[2]: {ACCEPTED}",
            LogLine(text=ACCEPTED, pid=2),
            id="second of the month",
        ),
        pytest.param(
            f"2026-11-22T11:37:28.123456+01:00 gw sshd-session[7]: {ACCEPTED}",
            LogLine(text=ACCEPTED, pid=7),
            id="Debian 12, 9.8",
        ),
        pytest.param(
            f"Nov 22 11:37:28 gw sudo[7]: x : sshd[9]: {ACCEPTED}", None, id="another program"
        ),
        pytest.param(f"Nov 22 11:37:28 gw sshdx[7]: {ACCEPTED}", None, id="another name"),
        pytest.param(ACCEPTED, None, id="no header"),
    ],
)
def test_a_line_of_the_log_file_is_parsed(text: str, line: LogLine | None) -> None:
    assert from_syslog(text) == line


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        pytest.param(
            {"MESSAGE": "x", "_PID": "7", "_UID": "0", "__CURSOR": "c"},
            LogLine(text="x", pid=7, uid=0),
            id="text",
        ),
        pytest.param(
            {"MESSAGE": [120, 10, 255], "_PID": "7", "_UID": "990"},
            LogLine(text="x\n\xff", pid=7, uid=990),
            id="bytes",
        ),
        pytest.param(
            {"MESSAGE": None, "_PID": "7", "_UID": "0"}, None, id="too long for journalctl"
        ),
        pytest.param({"MESSAGE": "x", "_PID": "7"}, None, id="of nobody"),
        pytest.param({"MESSAGE": "x", "_PID": "7", "_UID": "-1"}, None, id="no uid"),
        pytest.param(["x"], None, id="no entry"),
    ],
)
def test_an_entry_of_the_journal_is_parsed(fields: object, line: LogLine | None) -> None:
    assert from_journal(fields) == line
