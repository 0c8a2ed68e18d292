"""The beat loop against a client that floods it, or never reads its answers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import checker
from tests.programs import require
from tests.system.waiting import until

pytestmark = pytest.mark.shell
HOLD = Path(checker.__file__).with_name("hold.sh")
SHELLS = [
    pytest.param(("dash",), id="dash"),
    pytest.param(("busybox", "sh"), id="busybox"),
    pytest.param(("bash", "--posix"), id="bash"),
]


@contextmanager
def holding(shell: tuple[str, ...], folder: Path, stdout: int) -> Iterator[subprocess.Popen[bytes]]:
    """The beat loop, just after a sweep with a verdict of 7."""
    require(shell[0])
    uptime_s = Path("/proc/uptime").read_text(encoding="ascii").partition(".")[0]
    (folder / "_sweep").write_text(f"{uptime_s} 60\n")
    (folder / "office").write_text("7\n")
    words = [*shell, str(HOLD), str(folder), "office", str(folder / "beat.1.2"), "0", "true"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=stdout) as loop:
        try:
            yield loop
        finally:
            loop.kill()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_flood_of_beats_is_slowed_down(shell: tuple[str, ...], tmp_path: Path) -> None:
    with holding(shell, tmp_path, subprocess.PIPE) as loop:
        assert loop.stdin is not None
        assert loop.stdout is not None
        began = time.monotonic()
        loop.stdin.write(b"\n" * 201)
        loop.stdin.flush()
        answers = [loop.stdout.readline() for _ in range(201)]
        took_s = time.monotonic() - began

    assert set(answers) == {b"7\n"}
    assert took_s > 1


@pytest.mark.parametrize("shell", SHELLS)
def test_a_loop_that_cannot_write_its_answer_ends_with_its_connection(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)

    with holding(shell, tmp_path, writing) as loop:
        os.close(writing)
        assert loop.stdin is not None
        loop.stdin.write(b"\n" * 50)
        loop.stdin.flush()
        until((tmp_path / "beat.1.2").exists, "the beat")
        assert loop.poll() is None
        os.close(reading)
        loop.wait(150)

    assert not (tmp_path / "beat.1.2").exists()
