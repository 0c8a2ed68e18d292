"""A gateway that drains: each client leaves as it understands it, and none is locked out."""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial

import pytest

from checker.linux.processes import is_alive
from checker.model import EventKind, ProcessId, Registration
from tests.client.bundle.samples import as_released
from tests.system.clients import Connection, Device
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, await_up, built
from tests.system.harness import Gateway
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
MOVES = ("hold", "first", "fake-1.0/ssh-9+moves")


def said(connection: Connection) -> bytes:
    """All that an ended client printed on standard output and did not read yet."""
    assert connection.process.stdout is not None
    return connection.process.stdout.read()


def registered(gateway: Gateway, device: Device, *, after: ProcessId) -> Registration | None:
    """The live connection that the device registered since."""
    with closing(gateway.state()) as state:
        found = [one for one in state.registrations() if one.node == device.node]
    return next((one for one in found if one.session != after and is_alive(one.session)), None)


def test_each_client_is_told_to_leave_as_it_understands_it_and_may_come_back(
    own_gateway: Gateway,
) -> None:
    gateway = own_gateway
    gateway.start_sshd()
    gateway.serve()
    mover, waiter, mute, late = (gateway.add(gateway.service().target) for _ in range(4))
    moving, waiting = gateway.connect(mover, *MOVES), gateway.connect(waiter)
    silent = gateway.connect_unheard(mute)
    assert moving.beat() == waiting.beat() == 0
    for device in (mover, waiter, mute):
        gateway.await_up(device)

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
    until(
        lambda: gateway.ok("drain").startswith(
            "draining: 1 moved, 1 told to wait, 1 ended, 0 left"
        ),
        "all",
    )

    back = gateway.connect(mover, *MOVES)
    refused = gateway.connect(late, *MOVES)
    assert back.beat() == 0, "it came straight back, so no other gateway took it"
    assert gateway.client(mover) == "fake-1.0/ssh-9"
    assert refused.ended() == 75
    assert said(refused) == b""
    assert "this gateway drains" in refused.complaint()
    stays = gateway.connect(late, *MOVES)
    assert stays.beat() == 0

    gateway.kill_daemon()
    gateway.serve()
    assert back.beat() == stays.beat() == 0, "a restart tells nobody again"
    shown = gateway.run("status", "--json")
    assert json.loads(shown.stdout)["draining"]["by"]
    assert "this gateway drains since" in gateway.run("status").stderr
    assert (
        f"2 devices are still here, as no other gateway took them: {mover.node}, {late.node}"
        in (gateway.ok("drain"))
    )
    gateway.ok("drain", "--again", "--no-wait")
    assert (back.ended(), stays.ended()) == (75, 75)
    assert gateway.ok("undrain") == "this gateway takes nodes again\n"
    assert json.loads(gateway.run("status", "--json").stdout)["draining"] is None
    told = [event for event in gateway.events(kind=EventKind.GATEWAY) if event.actor != "daemon"]
    begins = "this gateway drains: its nodes are told to use another gateway"
    assert [event.text for event in told] == [begins, begins, "this gateway no longer drains"]


def test_released_bundles_come_back_and_stay_up(own_gateway: Gateway, boxes: Boxes) -> None:
    gateway = own_gateway
    gateway.up()
    devices = []
    for kit in (OPENSSH, DROPBEAR):
        device, box = gateway.add(gateway.service().target), boxes(kit)
        file = built(gateway, device, box, kit)
        box.start(box.write(as_released(file.read_text()), "released.sh"))
        devices.append((device, box, await_up(gateway, device, box)))

    gateway.ok("drain", "--no-wait")

    for device, _, before in devices:
        held = until(partial(registered, gateway, device, after=before), "it is back", within_s=90)
        assert held.client.startswith("bundle-0.1.0/")
    gateway.ok("undrain")
    for device, box, _ in devices:
        assert box.await_state("up", device.node)["verdict"] == "0"
        assert box.stop() == 0
