"""Facts about processes, read from real ones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from checker.linux.processes import (
    is_alive,
    may_look,
    read_process,
    sockets_of,
)


def test_the_sockets_of_a_process_that_is_gone_are_not_known() -> None:
    assert sockets_of(2**22 - 1) is None


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_process_is_read(child: subprocess.Popen[bytes]) -> None:
    found = read_process(child.pid)

    assert found is not None
    assert (found.id.pid, found.parent, found.uid) == (child.pid, os.getpid(), os.geteuid())
    assert found.id.start_ticks > 0


def test_a_process_with_brackets_and_spaces_in_its_name_is_read(tmp_path: Path) -> None:
    program = tmp_path / "a) S (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "60"]) as process:
        found = read_process(process.pid)
        process.kill()

    assert found is not None
    assert (found.name, found.parent) == ("a) S (b", os.getpid())


def test_a_reused_pid_is_another_process(child: subprocess.Popen[bytes]) -> None:
    found = read_process(child.pid)
    assert found is not None

    assert is_alive(found.id)
    assert not is_alive(replace(found.id, start_ticks=found.id.start_ticks - 1))


def test_a_process_that_ended_is_not_alive_even_as_a_zombie() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        found = read_process(process.pid)
        assert found is not None
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(found.id), "a zombie"

    assert read_process(process.pid) is None
    assert not is_alive(found.id)


def test_root_may_look() -> None:
    if os.geteuid() != 0:
        assert may_look() in (True, False)
        return
    status = Path("/proc/self/status").read_text()
    effective = int(
        next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1], 16
    )

    assert may_look() is bool(effective >> 2 & 1 and effective >> 19 & 1)
