"""Ending a process: only ever the very session that was seen.

Tests in tests/system end real sessions.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import Port, ProcessId
from checker.sshd import kill
from checker.sshd.kill import Freed, Spared, end_session, objection, signalled, until
from tests.checker.sshd.sessions import identity, inodes_of, listening, session

PORT = Port(20010)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@contextmanager
def started(
    command: list[str],
    *,
    executable: str | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    with subprocess.Popen(command, executable=executable, stdin=stdin, stdout=stdout) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


async def test_a_process_that_is_not_a_session_survives(child: subprocess.Popen[bytes]) -> None:
    ending = await end_session(identity(child.pid), PORT, os.geteuid(), frozenset({1}))

    assert ending == Spared(f"process {child.pid} is not an sshd session of the tunnel user")
    assert child.poll() is None


async def test_a_process_that_only_has_a_sessions_title_survives() -> None:
    with started(["sshd: reversi", "60"], executable="/bin/sleep") as child:
        ending = await end_session(identity(child.pid), PORT, os.geteuid(), frozenset({1}))
        alive = child.poll() is None
        child.kill()

    assert ending == Spared(f"process {child.pid} is not an sshd session of the tunnel user")
    assert alive


async def test_a_process_with_a_reused_pid_survives(
    child: subprocess.Popen[bytes],
) -> None:
    seen = identity(child.pid)

    ending = await end_session(
        replace(seen, start_ticks=seen.start_ticks - 1), PORT, os.geteuid(), frozenset({1})
    )

    assert ending == Spared(f"process {child.pid} is not the one that was seen: it has ended")
    assert child.poll() is None


async def test_a_process_that_is_gone_is_reported() -> None:
    with started(["sleep", "60"]) as child:
        seen = identity(child.pid)
        child.kill()

    ending = await end_session(seen, PORT, os.geteuid(), frozenset({1}))

    assert ending == Spared(f"process {child.pid} has ended already")


async def test_a_zombie_counts_as_ended() -> None:
    with started(["sleep", "60"]) as child:
        seen = identity(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - it was killed: there is no wait

        assert await end_session(seen, PORT, os.geteuid(), frozenset({1})) == Freed()


async def test_an_impossible_pid_is_reported() -> None:
    ending = await end_session(ProcessId(pid=-1, start_ticks=0), PORT, os.geteuid(), frozenset())

    assert isinstance(ending, Spared)
    assert "cannot be opened" in ending.reason


async def test_no_descriptor_is_left_open(child: subprocess.Popen[bytes]) -> None:
    await end_session(identity(child.pid), PORT, os.geteuid(), frozenset())
    before = descriptors()

    for _ in range(5):
        await end_session(identity(child.pid), PORT, os.geteuid(), frozenset())

    assert descriptors() == before


POSES = """
import ctypes, socket, sys, time
ctypes.CDLL(None).prctl(15, b"sshd", 0, 0, 0)
print(flush=True)
time.sleep(60)
"""


@pytest.fixture
def pose() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours with the name of a session, but not its title."""
    with subprocess.Popen([sys.executable, "-c", POSES], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


async def test_a_process_with_only_a_sessions_name_survives(pose: subprocess.Popen[bytes]) -> None:
    ending = await end_session(identity(pose.pid), PORT, os.geteuid(), frozenset({1}))

    assert ending == Spared(f"process {pose.pid} is not an sshd session of the tunnel user")
    assert pose.poll() is None


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    with listening() as listener:
        yield listener


@pytest.mark.parametrize(
    ("script", "number"),
    [("true", signal.SIGTERM), ("trap '' TERM", signal.SIGKILL)],
    ids=["willing", "stubborn"],
)
async def test_a_session_that_holds_the_port_is_ended_and_the_port_is_free(
    tmp_path: Path, taken: socket.socket, script: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill, "TERM_WITHIN_S", 0.3)
    port, inodes = Port(taken.getsockname()[1]), inodes_of(taken)
    with session(tmp_path, taken, script) as process:
        taken.close()
        ending = await end_session(identity(process.pid), port, os.geteuid(), inodes)

    assert ending == Freed()
    assert process.returncode == -number


async def test_a_session_that_does_not_hold_the_port_survives(
    tmp_path: Path, taken: socket.socket
) -> None:
    with session(tmp_path, taken, "true") as process:
        ending = await end_session(identity(process.pid), PORT, os.geteuid(), frozenset({1}))
        alive = process.poll() is None

    assert ending == Spared(f"process {process.pid} does not hold the port")
    assert alive


async def test_a_port_that_another_process_holds_too_is_still_taken(
    tmp_path: Path, taken: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill, "FREE_WITHIN_S", 0.1)
    port, inodes = Port(taken.getsockname()[1]), inodes_of(taken)
    with session(tmp_path, taken, "true") as process:
        ending = await end_session(identity(process.pid), port, os.geteuid(), inodes)

    assert ending == Spared(f"process {process.pid} ended, and port {port} is still taken")


def test_a_session_of_another_user_is_not_ended(child: subprocess.Popen[bytes]) -> None:
    assert objection(identity(child.pid), os.geteuid() + 1, frozenset()) is not None


async def test_a_signal_ends_the_process_in_time(child: subprocess.Popen[bytes]) -> None:
    handle = os.pidfd_open(child.pid)
    try:
        assert await signalled(handle, signal.SIGTERM, 5.0)
        assert await signalled(handle, signal.SIGTERM, 5.0), "one that has ended"
    finally:
        os.close(handle)


async def test_an_ignored_signal_does_not_end_it() -> None:
    with started(
        ["sh", "-c", "trap '' TERM; echo; read _"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        handle = os.pidfd_open(stubborn.pid)
        try:
            assert not await signalled(handle, signal.SIGTERM, 0.1)
            assert await signalled(handle, signal.SIGKILL, 5.0)
        finally:
            os.close(handle)


async def test_waiting_stops_when_the_condition_holds_or_time_is_up() -> None:
    loop = asyncio.get_running_loop()
    soon = loop.time() + 0.05

    assert await until(lambda: loop.time() > soon, 5.0)
    assert not await until(lambda: False, 0.05)


SIGNAL_ANOTHERS = """
import asyncio, ctypes, os, signal, struct, sys
from checker.sshd.kill import signalled
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65533, 65533, 65533)
NO_CAPABILITIES = struct.pack("Ii", 0x20080522, 0), bytes(24)
assert ctypes.CDLL(None).capset(*NO_CAPABILITIES) == 0
async def main():
    try:
        print("ended" if await signalled(os.pidfd_open(int(sys.argv[1])), signal.SIGCONT, 0.1) else "allowed")
    except PermissionError:
        print("refused")
asyncio.run(main())
"""  # noqa: E501 - one line of what runs


def uids_of(pid: str) -> set[str]:
    """Return the user IDs of a process; empty if it is gone, or hidden from us. Source:
    proc_pid_status(5).
    """
    try:
        lines = (
            Path("/proc", pid, "status").read_text(encoding="utf-8", errors="replace").splitlines()
        )
    except OSError:
        return set()
    return next((set(line.split()[1:]) for line in lines if line.startswith("Uid:")), set())


@pytest.fixture
def anothers(child: subprocess.Popen[bytes]) -> int:
    """A process of another user than the one who signals it: of root if root runs the tests, else
    of anyone.
    """
    if os.geteuid() == 0:
        return child.pid
    mine = {str(uid) for uid in os.getresuid()}
    found = [
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if (uids := uids_of(entry.name)) and not uids & mine
    ]
    # the oldest stays; take init only if there is nothing else
    return min(found, key=lambda pid: (pid == 1, pid))


def test_a_process_that_is_not_ours_to_signal_raises_permission_error(anothers: int) -> None:
    words = [sys.executable, "-c", SIGNAL_ANOTHERS, str(anothers)]

    # Linux lets anyone send SIGCONT within one session: so start another
    said = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=200, start_new_session=True
    )

    assert said.stdout == "refused\n", said.stderr
