"""The process in which the history check runs, and its orphans."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.history.apart import APART, FIRST, FOR_SPLITS
from tests.programs import require

ROOT = Path(__file__).parents[3]
ORPHAN = """
import os, sys, time
reading, writing = os.pipe()
if os.fork() == 0:
    orphan = os.fork()
    if orphan:
        os.write(writing, str(orphan).encode())
    os._exit(0)
os.wait()
orphan = os.read(reading, 20).decode()
end = time.monotonic() + 150
while os.path.exists(f"/proc/{orphan}"):
    if time.monotonic() > end:
        sys.exit("it stays a zombie")
    time.sleep(0.02)
sys.exit(5)
"""
"""Starts a process whose parent ends, and waits until it is collected."""


def test_the_first_process_of_a_namespace_collects_orphans(sbin: None) -> None:
    require(*FOR_SPLITS)
    if os.geteuid() != 0:
        pytest.skip("a namespace needs root")

    done = subprocess.run(
        [*APART, *FIRST, sys.executable, "-c", ORPHAN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert done.returncode == 5, done.stderr
