"""The beat loop below a session is found and told to move; one of an earlier release is not."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checker.linux.processes import catches, children_of
from checker.state.beats import beat_file
from checker.tunnels.beat_loops import beat_loop, tell_to_move
from tests.checker.sshd.sessions import identity
from tests.system.waiting import until

HOLD = Path(__file__).parents[3] / "checker" / "hold.sh"
US = identity(os.getpid())
"""In place of the sshd session."""


@contextmanager
def looping(folder: Path, text: str) -> Iterator[subprocess.Popen[bytes]]:
    """A beat loop that is ready for signals."""
    program = folder / "hold.sh"
    program.write_text(text, encoding="utf-8")
    beat = beat_file(folder, US)
    words = ["/bin/sh", str(program), str(folder), "office", str(beat), "0", "/bin/false"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as loop:
        until(lambda: catches(loop.pid, signal.SIGTERM), "the loop is ready")
        yield loop
        loop.kill()


def test_a_beat_loop_that_is_told_to_move_ends_with_status_75(tmp_path: Path) -> None:
    with looping(tmp_path, HOLD.read_text(encoding="utf-8")) as process:
        loop = until(lambda: beat_loop(US, tmp_path, os.geteuid()), "the loop is found")

        assert loop.pid == process.pid
        assert tell_to_move(loop)
        assert process.wait(150) == 75
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert not tell_to_move(loop)
        assert beat_loop(US, tmp_path, os.geteuid()) is None


def test_a_beat_loop_that_the_signal_would_kill_is_not_told(tmp_path: Path) -> None:
    earlier = HOLD.read_text(encoding="utf-8").replace("trap leave USR1\n", "")
    assert "USR1" not in earlier

    with looping(tmp_path, earlier) as process:
        assert process.pid in children_of(os.getpid())
        assert beat_loop(US, tmp_path, os.geteuid()) is None
        assert beat_loop(US, tmp_path / "elsewhere", os.geteuid()) is None
