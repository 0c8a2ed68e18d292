"""A bus that is split: each side is live, the other is stale, and `push` still brings entries."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.fleet.history.__main__ import NEEDED
from tests.fleet.history.apart import APART, FOR_SPLITS
from tests.programs import require, run_program

pytestmark = pytest.mark.sshd
ROOT = Path(__file__).parents[2]


def test_each_side_goes_on_and_push_brings_what_the_bus_cannot(tmp_path: Path, sbin: None) -> None:
    require(*NEEDED, *FOR_SPLITS)
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    tmp_path.chmod(0o755)

    done = run_program(
        [*APART, sys.executable, "-m", "tests.fleet.splitting", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=500,
    )

    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    assert done.stdout.splitlines()[-1] == "healed"
