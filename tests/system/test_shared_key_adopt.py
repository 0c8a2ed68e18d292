"""Devices move from the shared key to a key of their own without losing their tunnel."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest

from checker.model import EventKind
from tests.system.fleet import Fleet, adopt
from tests.system.ports import accepts
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def test_a_device_moves_to_its_own_key_without_an_outage(fleet: Fleet) -> None:
    neighbour = fleet.up("neighbour")
    old = fleet.up("mobile")
    sessions = {device.node: fleet.session(device) for device in (neighbour, old)}

    new = adopt(fleet, "mobile", "--target", old.targets[0])
    assert fleet.says(old) == 0
    assert "mobile" not in fleet.unregistered()
    assert fleet.session(old) == sessions["mobile"]
    fleet.gateway.connections[-1].vanish()
    until(lambda: not accepts(old.ports[0]), "the tunnel ends")
    fleet.gateway.connect_unheard(old)
    until(lambda: accepts(old.ports[0]), "the shared key still opens the port")
    assert fleet.says(old) == 0
    last_shared = fleet.gateway.await_up(old, after=sessions["mobile"])

    assert new.verdict("claim", "its-own") == 0
    until(lambda: is_gone(last_shared), "the shared key's session ends")
    own = fleet.gateway.connect(new, "hold", "its-own")
    fleet.gateway.await_up(new, after=last_shared)
    assert fleet.says(old) == 0, "the shared key stays valid until the device's own tunnel beats"
    with own.beating(0.5):
        until(
            lambda: old.ask("mobile", str(old.ports[0]), "HTTP").returncode == 77,
            "the shared key loses its right",
        )

    refused = old.ask("mobile", str(old.ports[0]), "HTTP")
    assert (refused.returncode, refused.stdout) == (77, "0\n")
    assert (
        old.ask(
            "mobile", str(old.ports[0]), options=("-R", f"{old.ports[0]}:127.0.0.1:9")
        ).returncode
        == 255
    )
    assert fleet.says(neighbour) == 0
    assert fleet.session(neighbour) == sessions["neighbour"]
    assert not fleet.gateway.events(neighbour, EventKind.KILL)
    assert not fleet.gateway.events(new, EventKind.CLONE)


def test_an_imported_node_lives_on_the_shared_key_until_it_is_adopted(fleet: Fleet) -> None:
    service = fleet.gateway.service()
    port = fleet.gateway.port()
    fleet.imports("branch", port, service)
    old = fleet.device("branch", service, port=port)

    fleet.gateway.connect_unheard(old)
    fleet.gateway.await_up(old)
    assert fleet.says(old, "HTTP") == 0
    assert (
        fleet.device("other", service, port=port).ask("other", str(port), "HTTP").returncode == 77
    )

    session = fleet.session(old)
    new = adopt(fleet, "branch")
    assert new.verdict("claim", "own") == 0
    own = fleet.gateway.connect(new, "hold", "own")
    fleet.gateway.await_up(new, after=session)

    def key() -> str:
        return str(
            json.loads(fleet.gateway.ok("node", "show", "branch", "--json"))["node"]["public_key"]
        )

    assert key() == "shared"
    with own.beating(0.5):
        until(lambda: key().startswith("ssh-ed25519 "), "the shared key loses its right")


def test_an_impostor_of_an_imported_node_is_killed_by_the_registrys_expectation(
    fleet: Fleet,
) -> None:
    service = fleet.gateway.service(b"220 mail\r\n")
    port = fleet.gateway.port()
    fleet.imports("bank", port, service)
    old = fleet.device("bank", service, port=port)

    fleet.gateway.connect_unheard(old)

    assert "wrong" in fleet.gateway.await_event(EventKind.KILL, old).text


def test_the_tunnel_of_an_imported_unit_works_as_it_is(fleet: Fleet) -> None:
    gateway, service, port = fleet.gateway, fleet.gateway.service(), fleet.gateway.port()
    device = fleet.device("plain", service, port=port)
    device = replace(device, config=gateway.folder / "plain.toml")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(device.key)],
        check=True,
        timeout=200,
    )
    unit = gateway.folder / "plain.service"
    start = f"ssh -N -p {device.ssh_port} -i {device.key} -R {port}:{device.targets[0]}"
    unit.write_text(f"[Service]\nExecStart={start} {device.user}@{device.host}\n")

    gateway.ok("node", "import", str(unit), "--public-key", f"{device.key}.pub")
    gateway.connect_unheard(device)

    gateway.await_up(device)
