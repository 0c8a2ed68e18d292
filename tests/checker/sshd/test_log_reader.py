"""Reading sshd's log: a private sshd's socket, the journal, and a file that is rotated."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from checker.daemon.sshd_events import log_refusals
from checker.linux.processes import read_process
from checker.sshd.log_lines import LogLine
from checker.sshd.log_reader import (
    LINE_BYTES,
    LogFile,
    PrivateLog,
    follow_journal,
    journal_answers,
)
from checker.tunnels.gateway import Gateway
from tests.checker.sshd.logs import (
    ACCEPTED,
    TERMINAL,
    at_work,
    entry,
    gateway_in,
    journal_in,
    told,
    until,
    write,
)


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return gateway_in(tmp_path)


@pytest.fixture
async def private() -> AsyncIterator[tuple[PrivateLog, list[LogLine]]]:
    heard: list[LogLine] = []
    opened = PrivateLog(heard.append)
    yield opened, heard
    opened.close()


async def test_a_private_log_keeps_messages_apart_and_knows_their_writers(
    private: tuple[PrivateLog, list[LogLine]], caplog: pytest.LogCaptureFixture
) -> None:
    opened, heard = private
    lines = (
        b"refused local port forward: x\nAccepted publickey\r\n",
        b"Unable to load\n \x1b[2Jkey\r\n",
    )
    script = f"import os; [os.write(2, line) for line in {lines!r}]"

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stderr=opened.theirs.fileno()
    )
    await process.wait()
    await until(lambda: len(heard) == 2)

    assert heard[0] == LogLine(
        text="refused local port forward: x\nAccepted publickey", pid=process.pid, uid=os.getuid()
    )
    assert caplog.messages == [r"sshd: Unable to load\x0a \x1b[2Jkey"]


async def test_a_flood_blocks_nobody_and_is_cut(private: tuple[PrivateLog, list[LogLine]]) -> None:
    opened, heard = private
    script = f"""
import contextlib, os
for _ in range(5000):
    with contextlib.suppress(BlockingIOError):
        os.write(2, b"Accepted " + b"x" * {2 * LINE_BYTES})
"""

    done = subprocess.run(  # noqa: ASYNC221 - unread
        [sys.executable, "-c", script], stderr=opened.theirs.fileno(), check=False, timeout=200
    )
    opened.read(10_000)

    assert done.returncode == 0
    assert 0 < len(heard) < 5000
    assert {len(line.text) for line in heard} == {LINE_BYTES}


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return journal_in(tmp_path, monkeypatch)


async def test_the_journal_is_followed_and_its_reader_dies_with_us(
    journal: Path, gateway: Gateway, tmp_path: Path
) -> None:
    strange = "no JSON\n[]\n" + "x" * 200_000 + "\n" + entry(TERMINAL, 7, uid=4711)
    write(journal, entry(ACCEPTED, 7), strange, entry(TERMINAL, 7))

    async with at_work(lambda: log_refusals(gateway)):
        await until(lambda: told(gateway))
        reader = int((tmp_path / "pid").read_text())
        assert read_process(reader) is not None

    assert told(gateway) == [
        ("office", "node office", "sshd refused a terminal, asked for by 192.0.2.7:41528")
    ]
    assert read_process(reader) is None
    assert (
        f"SYSLOG_IDENTIFIER=sshd-auth _UID=0 _UID={os.getuid()}\n"
        in (tmp_path / "asked").read_text()
    )


async def test_the_journal_is_followed_where_setpriv_is_not_allowed(
    journal: Path, gateway: Gateway, tmp_path: Path
) -> None:
    refused = tmp_path / "bin/setpriv"
    refused.write_text(
        "#!/bin/sh\necho 'setpriv: activate capabilities: Operation not permitted' >&2\nexit 127\n"
    )
    refused.chmod(0o755)
    write(journal, entry(ACCEPTED, 7), entry(TERMINAL, 7))

    async with at_work(lambda: log_refusals(gateway)):
        await until(lambda: told(gateway))


async def test_a_journal_that_ends_is_not_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "journalctl"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    await follow_journal(lambda line: None, (0,))

    assert not journal_answers()


def test_a_file_is_followed_through_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "auth.log"
    path.write_text("before\n")
    file = LogFile(path)
    taken = file.take()
    with path.open("a") as old:
        old.write("one\ntw")
        old.flush()
        taken += file.take()
        path.rename(tmp_path / "auth.log.1")
        taken += file.take()  # no file has the name yet
        old.write("o\nhalf of a li")
        old.flush()
        path.write_text("three\n")
        taken += [line for _ in range(3) for line in file.take()]
    file.close()

    assert taken == ["one", "two", "three"]


def test_a_file_that_was_emptied_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "auth.log"
    path.write_text("a long line before\n")
    file = LogFile(path)
    file.take()
    with path.open("a") as log:
        log.write("half of a li")
    file.take()

    path.write_text("one\n")
    taken = file.take()
    file.close()

    assert taken == ["one"]


def test_an_endless_line_does_not_grow_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "auth.log"
    path.touch()
    file = LogFile(path)
    file.take()

    with path.open("ab") as log:
        log.write(b"x" * 3 * LINE_BYTES)
        log.flush()
        held = (file.take(), len(file.begun))
        log.write(b"\nnext\n")
        log.flush()
        taken = file.take()
    file.close()

    assert held == ([], LINE_BYTES)
    assert taken == ["x" * LINE_BYTES, "next"]
