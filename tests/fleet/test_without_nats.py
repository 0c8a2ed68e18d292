"""A gateway in no fleet, on a machine without NATS: all of it works.

Neither nats-py nor the package of the fleet can be imported here, and no nats-server is started.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.programs import run_program
from tests.system.accounts import ENTRY, Install, Mode
from tests.system.harness import Gateway, gateway_at
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
BARRED = "import sys\nfor name in ('nats', 'checker.fleet'): sys.modules[name] = None\n"
"""Whoever imports one of them after that fails."""
CONSOLE = (
    f"{BARRED}import reversi_tui.app\nfrom reversi_tui.__main__ import main\nmain(sys.argv[1:])"
)


COMMANDS = (
    ("status", "--json"),
    ("log", "--json"),
    ("report", "--json"),
    ("node", "list"),
    ("ssh-config",),
    ("inventory",),
)


@pytest.fixture(scope="module")
def gateway(usual: Mode) -> Iterator[Gateway]:
    install = Install(
        words=(usual.install.python, "-c", BARRED + ENTRY), python=usual.install.python
    )
    with gateway_at(replace(usual, install=install, warm=None)) as found:
        found.start_sshd()
        found.serve()
        yield found


def test_tunnels_are_held_probed_and_ended(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    session = gateway.await_up(device)
    assert connection.beat() == 0
    assert device.verdict("check") == 0
    gateway.kill_daemon()
    assert device.verdict("check") == 0, "the gate answers without the daemon"
    gateway.serve()

    gateway.ok("node", "disable", device.node)

    assert connection.ended() != 0
    until(lambda: is_gone(session), "its process ends")


def test_commands_and_console_work_and_say_nothing_of_a_fleet(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    gateway.connect(device)
    gateway.await_up(device)

    printed = [gateway.ok(*words) for words in COMMANDS] + [gateway.ok("probe", device.node)]
    doctor = gateway.run("doctor", "--json")
    once = run_program(
        [sys.executable, "-c", CONSOLE, "--home", str(gateway.home), "--once", "--json"]
    )

    assert len(json.loads(doctor.stdout)["checks"]) > 9, doctor.stderr
    assert json.loads(once.stdout)["tunnels"], once.stderr
    for text in (*printed, doctor.stdout, doctor.stderr, once.stdout, once.stderr):
        assert "nats" not in text
        assert "fleet" not in text


def test_what_is_barred_here_is_what_a_fleet_needs(gateway: Gateway) -> None:
    said = gateway.run("fleet", "status")

    assert said.returncode != 0
    assert "checker.fleet" in said.stderr
