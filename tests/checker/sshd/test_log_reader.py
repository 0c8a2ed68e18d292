"""Reading sshd's lines: through the socket of a private one, from the journal, and from a file that
is rotated.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from checker.config.layout import home_layout
from checker.config.settings import Config, current_user
from checker.daemon.sshd_events import Attempts, log_refusals
from checker.linux.processes import read_process
from checker.model import (
    EventKind,
    Node,
    NodeName,
    ProcessId,
    Registration,
    fingerprint,
    parse_public_key,
)
from checker.registry.nodes import Registry
from checker.sshd import log_reader
from checker.sshd.log_lines import Line
from checker.sshd.log_reader import (
    LINE_BYTES,
    LogFile,
    PrivateLog,
    follow_journal,
    journal_answers,
    log_file,
    source,
)
from checker.state.ledger import Ledger
from checker.tunnels.gateway import REFUSALS, Gateway
from tests.strategies import public_key

KEY = parse_public_key(public_key(1))
ACCEPTED = (
    f"Accepted publickey for {current_user()} from 192.0.2.7 port 41528 ssh2: ED25519"
    f" {fingerprint(KEY)}"
)
DENIED = (
    "Received request from 192.0.2.7 port 41528 to remote forward to host localhost port 22, but"
    " the request was denied."
)
TERMINAL = (
    "debug1: session.c:session_pty_req():1905 (pid=7): Allocating a pty not permitted for this"
    " connection."
)


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """A gateway with one node, in this process."""
    layout = home_layout(tmp_path)
    layout.nodes.mkdir()
    office = Node(name=NodeName("office"), public_key=KEY, forwards=(), added_at=0)
    registry = Registry(nodes=MappingProxyType({office.name: office}))
    return Gateway(layout, Config(tunnel_user=current_user()), Ledger(layout, None), registry)


def told(gateway: Gateway) -> list[tuple[str | None, str, str]]:
    return [
        (event.node, event.actor, event.text)
        for event in gateway.ledger.pending.events
        if event.kind is EventKind.REFUSED
    ]


@asynccontextmanager
async def at_work(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """It goes on during the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work())
        yield
        task.cancel()


async def until(fact: Callable[[], object], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def test_a_refusal_is_an_event_of_the_node_whose_key_it_was(gateway: Gateway) -> None:
    attempts = Attempts(gateway)

    attempts.hear(Line(text=ACCEPTED, pid=7, uid=0))
    attempts.hear(Line(text=DENIED, pid=7, uid=0))

    sentence = "sshd refused listening on localhost port 22, asked for by 192.0.2.7:41528"
    assert told(gateway) == [("office", "node office", sentence)]


def test_a_key_that_is_no_nodes_leaves_the_address(gateway: Gateway) -> None:
    attempts = Attempts(gateway)
    other = ACCEPTED.replace(fingerprint(KEY), "SHA256:shared").replace("192.0.2.7", "2001:db8::7")

    attempts.hear(Line(text=other, pid=7, uid=0))
    attempts.hear(Line(text=TERMINAL, pid=7, uid=0))

    assert told(gateway) == [
        (None, "address 2001:db8::7", "sshd refused a terminal, asked for by [2001:db8::7]:41528")
    ]


@pytest.mark.parametrize(
    ("older_by", "node", "actor"),
    [
        pytest.param(0, "office", "node office", id="its process"),
        pytest.param(1, None, "an unknown peer", id="another, of its number"),
    ],
)
def test_a_login_from_before_the_daemon_is_known_by_its_registration(
    gateway: Gateway, older_by: int, node: str | None, actor: str
) -> None:
    here = read_process(os.getpid())
    assert here is not None
    session = ProcessId(pid=here.id.pid, start_ticks=here.id.start_ticks - older_by)
    gateway.ledger.register(
        Registration(
            node=NodeName("office"), instance="main", session=session, peer="", registered_at=0.0
        )
    )

    Attempts(gateway).hear(Line(text=TERMINAL, pid=os.getpid(), uid=os.getuid()))

    assert told(gateway) == [(node, actor, "sshd refused a terminal, asked for by an unknown peer")]


def test_who_was_refused_nothing_lately_is_forgotten(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    Attempts(gateway).hear(Line(text=TERMINAL, pid=7, uid=os.getuid()))
    gateway.forget_refused()
    assert len(gateway.refused.allowances) == 1

    later = time.monotonic() + 361
    monkeypatch.setattr(time, "monotonic", lambda: later)
    gateway.forget_refused()

    assert gateway.refused.allowances == {}


def test_a_thief_does_not_fill_the_log(gateway: Gateway) -> None:
    attempts = Attempts(gateway)
    attempts.hear(Line(text=ACCEPTED, pid=7, uid=0))

    for _ in range(3 * REFUSALS.burst):
        attempts.hear(Line(text=TERMINAL, pid=7, uid=0))

    assert REFUSALS.burst <= len(told(gateway)) < REFUSALS.burst + REFUSALS.a_minute


@pytest.fixture
async def private() -> AsyncIterator[tuple[PrivateLog, list[Line]]]:
    heard: list[Line] = []
    opened = PrivateLog(heard.append)
    yield opened, heard
    opened.close()


async def test_a_private_log_keeps_messages_apart_and_tells_who_wrote_them(
    private: tuple[PrivateLog, list[Line]], caplog: pytest.LogCaptureFixture
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

    assert heard[0] == Line(
        text="refused local port forward: x\nAccepted publickey", pid=process.pid, uid=os.getuid()
    )
    assert caplog.messages == [r"sshd: Unable to load\x0a \x1b[2Jkey"]


async def test_a_flood_blocks_nobody_and_is_cut(private: tuple[PrivateLog, list[Line]]) -> None:
    opened, heard = private
    script = f"""
import contextlib, os
for _ in range(5000):
    with contextlib.suppress(BlockingIOError):
        os.write(2, b"Accepted " + b"x" * {2 * LINE_BYTES})
"""

    done = subprocess.run(  # noqa: ASYNC221 - unread
        [sys.executable, "-c", script], stderr=opened.theirs.fileno(), check=False, timeout=20
    )
    opened.read(10_000)

    assert done.returncode == 0
    assert 0 < len(heard) < 5000
    assert {len(line.text) for line in heard} == {LINE_BYTES}


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a stand-in for journalctl prints while it follows; it writes its PID beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    entries = tmp_path / "entries"
    program = folder / "journalctl"
    follows = f'echo "$*" >{tmp_path}/asked; echo $$ >{tmp_path}/pid; cat {entries}; exec sleep 60'
    program.write_text(f'#!/bin/sh\ncase "$*" in *--follow*) {follows};; esac\necho {{}}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return entries


def write(path: Path, *texts: str) -> None:
    path.write_text("".join(texts))


def entry(text: str, pid: int, uid: int = 0) -> str:
    return json.dumps({"MESSAGE": text, "_PID": str(pid), "_UID": str(uid)}) + "\n"


async def test_the_journal_is_followed_and_its_reader_ends_with_us(
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


async def test_the_journal_is_followed_where_setpriv_may_not_do_its_work(
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


async def test_a_journal_that_ends_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "journalctl"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    await follow_journal(lambda line: None, (0,))

    assert not journal_answers()


async def test_without_a_journal_the_log_file_is_followed(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "auth.log"
    path.write_text("Nov 22 11:37:28 gw sshd[7]: before\n")
    monkeypatch.setattr(log_reader, "LOG_FILES", (tmp_path / "none", path))
    monkeypatch.setattr(log_reader, "LOOK_EVERY_S", 0.01)
    monkeypatch.setenv("PATH", str(tmp_path))

    async with at_work(lambda: log_refusals(gateway)):
        while not told(gateway):  # it begins at the end, whenever that is
            with path.open("a") as log:
                log.writelines(
                    f"Nov 22 11:37:28 gw sshd[{os.getpid()}]: {text}\n"
                    for text in (ACCEPTED, DENIED)
                )
            await asyncio.sleep(0.05)

    assert told(gateway)[0][:2] == ("office", "node office")
    assert (log_file(), source()) == (path, str(path))


async def test_where_nothing_is_to_be_read_it_is_looked_for_again(
    gateway: Gateway, journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "journalctl"
    program.rename(tmp_path / "bin" / "later")
    monkeypatch.setattr(log_reader, "LOG_FILES", ())
    monkeypatch.setattr(log_reader, "AGAIN_AFTER_S", 0.01)
    monkeypatch.setattr(log_reader, "JOURNALCTL", (str(program),))
    write(journal, entry(ACCEPTED, 7), entry(TERMINAL, 7))
    assert source() == ""

    async with at_work(lambda: log_refusals(gateway)):
        (tmp_path / "bin" / "later").rename(program)
        await until(lambda: told(gateway))

    assert source() == "the journal"


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


def test_a_line_without_an_end_does_not_grow(tmp_path: Path) -> None:
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
