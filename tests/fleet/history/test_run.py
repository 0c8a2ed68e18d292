"""A short run of the history check: the same as `./run history`, bounded by its steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.fleet.history.__main__ import NEEDED
from tests.fleet.history.apart import why_not_split
from tests.programs import require
from tests.system.processes import still_there
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
ROOT = Path(__file__).parents[3]
SEED, STEPS = "16", "40"
WORDS = [sys.executable, "-m", "tests.fleet.history", "--seed", SEED]


def path_without(name: str, folder: Path) -> str:
    """Return a PATH with all programs but this one."""
    folder.mkdir()
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(place).glob("*") if place else ():
            link = folder / program.name
            link.unlink(missing_ok=True)
            link.symlink_to(program)
    (folder / name).unlink(missing_ok=True)
    return str(folder)


def test_a_short_run_breaks_no_invariant(tmp_path: Path, sbin: None) -> None:
    require(*NEEDED)
    words = ["--steps", STEPS, "--history", str(tmp_path / "history.jsonl")]

    done = subprocess.run(
        [*WORDS, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=500
    )

    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.startswith(f"seed {SEED}\n")
    assert "checks 9" in done.stdout
    assert "\nchecked: sessions stay: 6 tunnels, " in done.stdout
    not_run = f"\nnot run: the faults isolate and split: {why_not_split()}\n"
    assert (not_run in done.stdout) is bool(why_not_split())


@contextmanager
def started(folder: Path, path: str) -> Iterator[subprocess.Popen[str]]:
    """A run in a process group of its own, as a shell starts it, once it has started something."""
    process = subprocess.Popen(
        [*WORDS, "--minutes", "5"],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        until(lambda: names_below(process.pid) >= {"sshd", "nats-server"}, "it runs")
        yield process
    finally:
        process.kill()
        process.communicate()


def names_below(pid: int) -> set[str]:
    try:
        return {one.name() for one in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


@pytest.mark.parametrize("is_apart", [True, False], ids=["namespaces", "no namespaces"])
def test_a_run_that_is_ended_leaves_nothing(tmp_path: Path, sbin: None, *, is_apart: bool) -> None:
    require(*NEEDED)
    if is_apart and why_not_split():
        pytest.skip(why_not_split())
    folder = tmp_path / "tmp"
    folder.mkdir()
    path = os.environ["PATH"] if is_apart else path_without("ip", tmp_path / "bin")
    with started(folder, path) as process:
        below = psutil.Process(process.pid).children(recursive=True)

        if is_apart:
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        _, said = process.communicate(timeout=200)

        assert process.returncode == 128 + (signal.SIGTERM if is_apart else signal.SIGINT)
        assert said.endswith("; nothing was judged\n"), said
        assert [one for one in below if still_there(one)] == []
        assert list(folder.iterdir()) == []
        assert not (ROOT / f"history-{SEED}.jsonl").exists()


def test_a_history_that_cannot_be_written_is_refused(tmp_path: Path, sbin: None) -> None:
    require(*NEEDED)
    words = [*WORDS, "--history", str(tmp_path / "missing" / "history.jsonl")]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)

    assert done.returncode == 2
    assert done.stderr.startswith(f"history: cannot write {tmp_path}")


def test_a_wrong_option_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fleet.history", "--seed", "x"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert done.returncode == 2
    assert "argument --seed: invalid int value: 'x'" in done.stderr
