"""Many logins at once beside healthy tunnels: none is killed, and their beats are answered."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from checker.model import EventKind, Status
from tests.programs import run_program
from tests.system.accounts import Mode
from tests.system.harness import gateway_at

pytestmark = pytest.mark.sshd
TUNNELS, LOGINS = 10, 40


def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return run_program(words)


def test_a_wave_of_logins_ends_no_healthy_tunnel_and_delays_no_verdict(usual: Mode) -> None:
    with (
        gateway_at(usual, policy="") as gateway,
        ThreadPoolExecutor(LOGINS) as pool,
        ExitStack() as beats,
    ):
        gateway.up()
        target = gateway.service().target
        devices = [gateway.add(target) for _ in range(TUNNELS)]
        tunnels = [gateway.connect(device) for device in devices]
        before = [gateway.await_up(device) for device in devices]

        for tunnel in tunnels:
            beats.enter_context(tunnel.beating(1.0))
        asked = list(
            pool.map(
                run, [[*device.ssh("-T"), "version"] for device in devices * (LOGINS // TUNNELS)]
            )
        )
        for device in devices:
            gateway.probe(device)
        beats.close()

        assert [done.stderr for done in asked if done.returncode] == []
        found = [gateway.tunnel(device) for device in devices]
        assert [(row.status, row.session) for row in found] == [
            (Status.UP, session) for session in before
        ]
        assert all(tunnel.lives for tunnel in tunnels)
        assert gateway.events(kind=EventKind.KILL) == ()
