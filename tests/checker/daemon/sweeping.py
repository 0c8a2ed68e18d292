"""Ports of a sweep that runs only as far as a test has it run."""

from __future__ import annotations

import time

from checker.daemon.sweep import Sweeper
from checker.model import Port, ProcessId, Status, Tunnel
from tests.strategies import OFFICE


def holds(sweeper: Sweeper, port: int, session: ProcessId) -> None:
    """Say that the connection holds the port, which is not due for an hour."""
    sweeper.gateway.ledger.put(
        Tunnel(node=OFFICE, port=Port(port), status=Status.UP, session=session)
    )
    sweeper.schedule.put(Port(port), time.monotonic() + 3600)


def probed_next(sweeper: Sweeper) -> list[int]:
    return [forward.port for forward in sweeper.schedule.ripe(time.monotonic())]
