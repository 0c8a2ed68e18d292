"""A short run of the history check: the same as `./run history`, bounded by its steps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.history.__main__ import NEEDED
from tests.programs import require

pytestmark = pytest.mark.sshd
ROOT = Path(__file__).parents[3]
SEED, STEPS = "16", "40"


def test_a_short_run_breaks_no_invariant(tmp_path: Path, sbin: None) -> None:
    require(*NEEDED)
    words = ["--steps", STEPS, "--seed", SEED, "--history", str(tmp_path / "history.jsonl")]

    done = subprocess.run(
        [sys.executable, "-m", "tests.fleet.history", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )

    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.startswith(f"seed {SEED}\n")
    assert "checks 9" in done.stdout


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
