"""What a console asks about the machine and a process."""

from __future__ import annotations

import os

from checker.control.machine import read_machine, usage_of


def test_the_machine_and_this_process_are_known() -> None:
    machine, usage = read_machine(), usage_of(os.getpid())

    assert machine is not None
    assert machine.cores == os.cpu_count()
    assert usage is not None
    assert usage.memory > 0


def test_a_process_that_has_ended_uses_nothing() -> None:
    assert usage_of(2**22 - 1) is None
