"""The uptime, compared with the kernel's clock."""

from __future__ import annotations

import time

from checker.linux.clock import uptime_s


def test_the_uptime_is_that_of_the_kernel() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)

    found = uptime_s()

    assert int(before) <= found <= int(time.clock_gettime(time.CLOCK_BOOTTIME))
