"""Skip a test if a program that it needs is missing; in CI, fail it."""

import os
import shutil

import pytest


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
