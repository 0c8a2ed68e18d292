"""Run programs, and skip a test if one that it needs is missing; in CI, fail it."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ENDS_WITHIN_S = 200.0


def require(*programs: str) -> None:
    """Skip the test when a program is missing; in CI (CI set in the environment), fail it
    instead.
    """
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    reason = "missing: " + ", ".join(missing)
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def run_program(words: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program without input, wait until it exits, and keep what it prints, whatever its exit
    status. `options` are those of subprocess.run.
    """
    given = {} if "input" in options else {"stdin": subprocess.DEVNULL}
    settings = {"timeout": ENDS_WITHIN_S, **given, **options}
    return subprocess.run(words, capture_output=True, text=True, check=False, **settings)
