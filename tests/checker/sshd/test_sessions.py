"""Which process is a session of the tunnel user, and which session owns a socket."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from checker.linux.processes import (
    Process,
)
from checker.model import ProcessId
from checker.sshd.sessions import (
    SESSION_TITLE,
    is_session,
    owners,
    scan,
    session_above,
    sessions,
    sessions_below,
)

TITLES = [
    ("sshd: reversi", True),
    ("sshd: reversi@notty", True),
    ("sshd-session: reversi", True),
    ("sshd-session: reversi@notty", True),
    ("sshd: svc-tunnel.1", True),
    ("sshd: reversi [priv]", False),
    ("sshd-session: reversi [priv]", False),
    ("sshd: reversi@pts/0", False),
    ("sshd-session: reversi@pts/0,pts/1", False),
    ("sshd: reversi@notty,pts/1", False),
    ("sshd: reversi@internal-sftp", False),
    ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", False),
    ("sshd: root [net]", False),
    ("sshd: [accepted]", False),
    ("sshd: unknown [net]", False),
    ("/usr/sbin/sshd -D -e -f /home/sshd_config", False),
    ("sshd", False),
    ("sshd: ", False),
    ("sshd: reversi\n", False),
    ("xsshd: reversi", False),
]


@pytest.mark.parametrize(("title", "is_one"), TITLES)
def test_a_tunnels_session_is_recognized_by_its_title(title: str, is_one: bool) -> None:
    assert (SESSION_TITLE.match(title) is not None) is is_one


SESSION = Process(
    id=ProcessId(pid=7, start_ticks=1), parent=6, name="sshd", uid=1000, title="sshd: reversi"
)


@pytest.mark.parametrize(
    ("process", "is_one"),
    [
        pytest.param(SESSION, True, id="ours"),
        pytest.param(
            replace(SESSION, name="sshd-session", title="sshd-session: reversi@notty"),
            True,
            id="of OpenSSH 9.8",
        ),
        pytest.param(replace(SESSION, uid=0), False, id="of another user"),
        pytest.param(replace(SESSION, name="python3"), False, id="another program with that title"),
        pytest.param(replace(SESSION, title="sshd: reversi@pts/3"), False, id="a person's login"),
    ],
)
def test_only_an_sshd_session_of_the_tunnel_user_may_be_ended(
    process: Process, is_one: bool
) -> None:
    assert is_session(process, 1000) is is_one


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_process_that_sshd_did_not_start_has_no_session_above_it(
    child: subprocess.Popen[bytes],
) -> None:
    assert session_above(child.pid, 4_000_000) is None
    assert session_above(2**22 - 1, os.geteuid()) is None


def test_a_user_without_sessions_owns_nothing() -> None:
    assert sessions(4_000_000) == ()
    assert scan(4_000_000) == {}
    assert sessions_below(2**22 - 1) == ()


def test_a_look_at_all_processes_keeps_none_of_them() -> None:
    def kept() -> int:
        gc.collect()
        return sum(isinstance(one, psutil.Process) for one in gc.get_objects())

    psutil.process_iter.cache_clear()
    before = kept()
    sessions(os.getuid())

    assert kept() == before


def test_a_socket_belongs_to_the_session_and_not_to_its_fork() -> None:
    session, fork, another = (
        ProcessId(pid=50, start_ticks=100),
        ProcessId(pid=49, start_ticks=105),
        ProcessId(pid=7, start_ticks=300),
    )

    found = owners(
        [(fork, frozenset({1, 2})), (session, frozenset({1, 2})), (another, frozenset({3}))]
    )

    assert found == {1: session, 2: session, 3: another}
