"""A gateway that drains: each client leaves as it understands it, and none is locked out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from checker.model import EventKind
from tests.client.bundle.samples import as_released
from tests.system.clients import Connection, Device
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, built
from tests.system.harness import Gateway
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
ENTRY = "import sys; from client.cli import main; sys.exit(main())"
MOVES = ("hold", "first", "fake-1.0/ssh-9+moves")


def said(connection: Connection) -> bytes:
    """All that an ended client printed on standard output and did not read yet."""
    assert connection.process.stdout is not None
    return connection.process.stdout.read()


def refused(device: Device) -> subprocess.CompletedProcess[str]:
    """A hold that the daemon refused. If the daemon is late, the connection is let in, and its
    client tries again.

    It has no forward: while a visitor of one is connected, ssh would wait for him.
    """
    while not (tried := device.ask(*MOVES)).returncode:
        pass
    return tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """A gateway that drains, after all that were connected have left."""

    gateway: Gateway
    mover: Device
    """Its client knows how to move."""


@pytest.fixture
def drained(own_gateway: Gateway) -> Drained:
    """Clients of each kind leave as they understand it."""
    gateway = own_gateway
    gateway.start_sshd()
    gateway.serve()
    mover, waiter, mute = (gateway.add(gateway.service().target) for _ in range(3))
    moving, waiting = gateway.connect(mover, *MOVES), gateway.connect(waiter)
    silent = gateway.connect_unheard(mute)
    assert moving.beat() == waiting.beat() == 0
    for device in (mover, waiter, mute):
        gateway.await_up(device)
    for device in (mover, waiter):
        gateway.await_registered(device)

    planned = gateway.run("drain", "--dry-run")
    gateway.ok("drain", "--no-wait")

    assert planned.stdout.splitlines() == [
        f"would tell {mover.node} to use another gateway",
        f"would tell {waiter.node} to wait for up to 15 s, and end its connection",
        f"would end the connection of {mute.node}, which asks for no verdict",
    ]
    assert moving.ended() == 75
    assert said(moving) == b""
    wait_s = until(waiting.beat, "its next beats are answered with a wait")
    assert 1 <= wait_s <= 15
    assert waiting.ended() != 0, "it does not leave by itself, so it is ended"
    assert silent.ended() != 0
    done = "draining: 1 moved, 1 told to wait, 1 ended, 0 left"
    assert gateway.ok("drain").startswith(done)
    return Drained(gateway=gateway, mover=mover)


def test_whoever_comes_back_to_a_gateway_that_drains_stays_also_over_a_restart(
    drained: Drained,
) -> None:
    gateway, mover = drained.gateway, drained.mover
    late = gateway.add(gateway.service().target)

    back, gone = gateway.connect(mover, *MOVES), refused(late)
    assert back.beat() == 0, "it came straight back, so no other gateway took it"
    assert (gone.returncode, gone.stdout) == (75, "")
    assert "this gateway drains" in gone.stderr
    stays = gateway.connect(late, *MOVES)
    assert stays.beat() == 0
    for device in (mover, late):
        found = gateway.await_registered(device)
        assert found.client == "fake-1.0/ssh-9"

    gateway.kill_daemon()
    gateway.serve()
    assert back.beat() == stays.beat() == 0, "a restart tells nobody again"
    assert "this gateway drains since" in gateway.run("status").stderr
    here = f"2 devices are still here, as no other gateway took them: {mover.node}, {late.node}"
    assert here in gateway.ok("drain")
    gateway.ok("drain", "--again", "--no-wait")
    assert (back.ended(), stays.ended()) == (75, 75)

    assert gateway.ok("undrain", "--dry-run") == "would take nodes again\n"
    assert gateway.ok("undrain") == "this gateway takes nodes again\n"
    assert json.loads(gateway.run("status", "--json").stdout)["draining"] is None
    told = [event for event in gateway.events(kind=EventKind.GATEWAY) if event.actor != "daemon"]
    begins = "this gateway drains: its nodes are told to use another gateway"
    assert [event.text for event in told] == [begins, begins, "this gateway no longer drains"]


@contextmanager
def python_client(device: Device) -> Iterator[None]:
    """The Python client, which beats every second."""
    text = device.config.read_text(encoding="utf-8")
    device.config.write_text(f"check_every_s = 1\n{text}", encoding="utf-8")
    words = [sys.executable, "-c", ENTRY, "run", "--config", str(device.config)]
    with subprocess.Popen(words, cwd=Path.cwd(), stderr=subprocess.DEVNULL) as client:
        yield
        client.terminate()


def test_clients_of_each_release_come_back_and_stay_up(own_gateway: Gateway, boxes: Boxes) -> None:
    gateway = own_gateway
    gateway.up()
    target = gateway.service().target
    devices = {name: gateway.add(target) for name in ("openssh", "dropbear", "python")}
    running = {name: boxes(kit) for name, kit in (("openssh", OPENSSH), ("dropbear", DROPBEAR))}
    for (name, box), kit in zip(running.items(), (OPENSSH, DROPBEAR), strict=True):
        file = built(gateway, devices[name], box, kit)
        box.start(box.write(as_released(file.read_text()), "released.sh"))

    with python_client(devices["python"]):
        before = {name: gateway.await_up(device) for name, device in devices.items()}
        for device in devices.values():
            gateway.await_registered(device)

        gateway.ok("drain", "--no-wait")

        for name, device in devices.items():
            held = gateway.await_registered(device, after=before[name], within_s=200)
            assert held.client.startswith("reversi-" if name == "python" else "bundle-0.1.0/")
        gateway.ok("undrain")
        for name, box in running.items():
            assert box.await_state("up", devices[name].node)["verdict"] == "0"
            assert box.stop() == 0
        gateway.await_up(devices["python"])
