"""Devices that share one key, as the fleets of the original do."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from checker.model import ProcessId, Status
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.ports import accepts, free_block
from tests.system.services import Service
from tests.system.waiting import until


class Fleet:
    """Devices that share one key, at one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.range, claim = free_block()
        gateway.claims.append(claim)
        self.free = iter(self.range)
        self.key = gateway.folder / "fleet.toml.key"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)],
            check=True,
            timeout=200,
        )
        public = self.key.with_name(f"{self.key.name}.pub").read_text(encoding="ascii").strip()
        table = (
            f'[shared_key]\nenabled = true\npublic_key = "{public}"\nports ='
            f' "{self.range.start}-{self.range.stop - 1}"\n'
        )
        gateway.write_policy(f"{gateway.policy}{table}")

    def device(self, name: str, service: Service, *, port: int = 0) -> Device:
        """A device of the original: the shared key, a name, and the port that it was given."""
        gateway = self.gateway
        return Device(
            node=name,
            ports=(port or next(self.free),),
            targets=(f"127.0.0.1:{service.port}",),
            user=gateway.mode.tunnel.name,
            host=gateway.host,
            ssh_port=gateway.ssh_port,
            host_key=gateway.layout.host_key.with_suffix(".pub")
            .read_text(encoding="ascii")
            .rstrip(),
            config=gateway.folder / "fleet.toml",
        )

    def says(self, device: Device, expected: str = "SSH-2.0") -> int:
        """The answer to the original's check, in a login of its own."""
        return device.verdict(device.node, str(device.ports[0]), expected)

    def up(self, name: str) -> Device:
        """A device whose tunnel is up, and which has asked once."""
        device = self.device(name, self.gateway.service())
        self.gateway.connect_unheard(device)
        until(lambda: accepts(device.ports[0]), "the tunnel")
        assert self.says(device) == 0
        self.gateway.await_status(device, Status.UP)
        return device

    def imports(self, name: str, port: int, service: Service) -> None:
        """Import a node from one of the original's files."""
        rev = self.gateway.folder / f"{name}.rev"
        lines = (
            f"nodename:{name}",
            f"reversiport:{port}",
            "fwdhost:127.0.0.1",
            f"fwdport:{service.port}",
            "fwdportstr:SSH-2.0",
        )
        rev.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        self.gateway.ok("node", "import", str(rev))

    def session(self, device: Device) -> ProcessId:
        found = self.gateway.await_status(device, Status.UP).session
        assert found is not None
        return found

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.gateway.run("status", "--json").stdout))

    def unregistered(self) -> set[str]:
        return {one["node"] for one in self.status()["unregistered"]}


def moved(fleet: Fleet, name: str) -> Device:
    """The device with the client files that `adopt` wrote."""
    config = fleet.gateway.folder / f"{name}.toml"
    node = json.loads(fleet.gateway.ok("node", "show", name, "--json"))["node"]
    old = fleet.device(name, fleet.gateway.service(), port=node["forwards"][0]["port"])
    target = node["forwards"][0]["target"]
    return Device(
        node=name,
        ports=old.ports,
        targets=(target,),
        user=old.user,
        host=old.host,
        ssh_port=old.ssh_port,
        host_key=old.host_key,
        config=config,
    )


def adopt(fleet: Fleet, name: str, *options: str) -> Device:
    fleet.gateway.ok(
        "node",
        "adopt",
        name,
        "--client-config",
        str(fleet.gateway.folder / f"{name}.toml"),
        *options,
    )
    return moved(fleet, name)
