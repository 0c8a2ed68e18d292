"""Counting logins, with stand-ins whose titles are those of each version's sshd processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checker.sshd import logins as reading
from checker.sshd.logins import Logins, title_of
from tests.programs import require

Process = Callable[[str, str], int]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """Starts a program of a name that calls itself by a title; its PID."""
    require("sleep")
    sleep = shutil.which("sleep") or ""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, title: str) -> int:
        program = tmp_path / name
        if not program.is_symlink():
            program.symlink_to(sleep)
        started.append(subprocess.Popen([title, "60"], executable=program))
        end = time.monotonic() + 10
        # the new title shows a moment after the new descriptors
        while not title_of(str(started[-1].pid)):
            assert time.monotonic() < end
        return started[-1].pid

    yield start
    for one in started:
        one.kill()
        one.wait()


def ours(logins: Logins, pids: set[int]) -> set[int]:
    """Return those of these processes that wait; other tests have logins of their own."""
    found = logins.waiting()
    assert found is not None
    return pids.intersection(found)


@pytest.mark.parametrize(
    ("name", "title", "counts"),
    [
        pytest.param("sshd", "sshd: [accepted]", True, id="it just came"),
        pytest.param(
            "sshd", "sshd: [net]", False, id="its keys are exchanged: beside an accepted one"
        ),
        pytest.param("sshd", "sshd: root [net]", True, id="it named a user"),
        pytest.param("sshd", "sshd: unknown [net]", True, id="it named nobody"),
        pytest.param("sshd", "sshd: root [priv]", False, id="the half that stays after the login"),
        pytest.param("sshd", "sshd: reversi", False, id="a session"),
        pytest.param(
            "sshd",
            "sshd: /usr/sbin/sshd -D [listener] 3 of 10-100 startups",
            False,
            id="the listener",
        ),
        pytest.param("sshd-session", "sshd-session: [accepted]", True, id="of 9.8"),
        pytest.param("sshd-session", "sshd-session: root [net]", True, id="of 9.8, with a user"),
        pytest.param("sshd-auth", "sshd-auth: root [net]", True, id="of 10.0"),
        pytest.param("other", "sshd: [accepted]", False, id="another program"),
    ],
)
def test_a_connection_counts_by_the_title_of_one_of_its_processes(
    process: Process, name: str, title: str, counts: bool
) -> None:
    pid = process(name, title)
    logins = Logins()

    first, again = ours(logins, {pid}), ours(logins, {pid})

    assert first == again == ({pid} if counts else set())


def test_a_connection_that_ended_no_longer_counts(process: Process) -> None:
    pid = process("sshd", "sshd: [accepted]")
    logins = Logins()
    assert ours(logins, {pid}) == {pid}

    os.kill(pid, 9)

    end = time.monotonic() + 10
    while ours(logins, {pid}):
        assert time.monotonic() < end


def test_nothing_is_known_if_other_users_processes_are_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "listdir", lambda _: [str(os.getpid()), "self", "stat"])

    assert Logins().waiting() is None


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each look at all processes, of which there is one."""
    found: list[str] = []

    def names(folder: str) -> list[str]:
        found.append(folder)
        return ["1"]

    monkeypatch.setattr(os, "listdir", names)
    return found


def test_it_looks_again_only_after_a_process_began(
    monkeypatch: pytest.MonkeyPatch, looks: list[str]
) -> None:
    monkeypatch.setattr(reading, "newest_process", lambda: "4711")
    logins = Logins()
    counted = [logins.waiting() for _ in range(4)]
    before = len(looks)
    monkeypatch.setattr(reading, "newest_process", lambda: "4712")
    counted.append(logins.waiting())

    assert counted == [()] * 5
    assert before == 2  # each process is read twice, as a new one may become another program
    assert len(looks) == 3


def test_it_looks_each_time_where_nobody_says_which_process_began_last(
    monkeypatch: pytest.MonkeyPatch, looks: list[str]
) -> None:
    monkeypatch.setattr(reading, "newest_process", lambda: "")
    logins = Logins()

    assert [logins.waiting() for _ in range(4)] == [()] * 4
    assert len(looks) == 4
