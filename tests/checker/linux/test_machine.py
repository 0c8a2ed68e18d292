"""What this machine has left, compared with what the system's own tools and limits say."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import psutil

from checker.linux.machine import read_machine, usage_of


def test_the_machine_has_processors_memory_and_processes() -> None:
    machine = read_machine()

    assert machine.cores == os.cpu_count()
    assert machine.load >= 0
    assert 0 < machine.memory_left <= machine.memory
    assert 0 < machine.processes < machine.most_processes
    assert machine.most_processes <= int(Path("/proc/sys/kernel/pid_max").read_text())


def test_a_process_uses_what_the_kernel_says() -> None:
    used = usage_of(os.getpid())

    assert used is not None
    assert used.cpu_s > 0
    assert used.memory > 1 << 20
    assert used.began_at == psutil.Process().create_time()
    assert used.descriptors == len(list(Path("/proc/self/fd").iterdir()))
    assert used.most_descriptors == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_process_that_has_ended_uses_nothing() -> None:
    assert usage_of(2**22 - 1) is None
