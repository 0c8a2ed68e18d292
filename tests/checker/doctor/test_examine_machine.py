"""The facts that `doctor` collects about the machine."""

from __future__ import annotations

from checker.doctor.examine_machine import is_synchronized


def test_the_kernel_says_whether_its_clock_is_kept() -> None:
    assert is_synchronized() in (True, False, None)
