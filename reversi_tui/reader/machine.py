"""Reads now and then how busy the machine is, and which ports only ::1 has."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from checker.control.client import ports_on_ipv6
from checker.model import Machine
from checker.rows.row import Key

EVERY_S = 15.0


class MachineReader:
    """Only the reading thread uses it."""

    def __init__(self, read: Callable[[], Machine | None]) -> None:
        self.read = read
        self.machine: Machine | None = None
        self.on_ipv6: frozenset[int] = frozenset()
        """The rows' ports that sshd listens on at ::1 only, as with `AddressFamily inet6`."""
        self.next_poll = 0.0

    def poll(self, keys: Callable[[], Collection[Key]]) -> None:
        """Read again if it is time. `keys` are those of all rows."""
        if time.monotonic() < self.next_poll:
            return
        self.next_poll = time.monotonic() + EVERY_S
        found = self.read()
        if found is None or self.machine is None or not found.is_near(self.machine):
            self.machine = found
        ports = ports_on_ipv6()  # none, as a rule: then the ports of all rows are not needed
        self.on_ipv6 = ports and ports & {port for _, port in keys()}
