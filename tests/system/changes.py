"""What an admin changes at a node whose device is connected: its key and its port."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.system.clients import Connection, Device
from tests.system.harness import Gateway


def node_up(gateway: Gateway) -> tuple[Device, Connection]:
    """Add a node, and wait until its tunnel is up."""
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    gateway.await_up(device)
    gateway.await_registered(device)
    return device, connection


def rekeyed(gateway: Gateway, device: Device, *options: str) -> Device:
    """Give the node a new key; return its device with that key."""
    config = gateway.folder / f"{device.node}-again.toml"
    gateway.ok("node", "rekey", device.node, "--client-config", str(config), *options)
    return replace(device, config=config)


def key_is_rejected(device: Device) -> bool:
    """Whether sshd rejects the device's key."""
    done = device.ask("version")
    return done.returncode == 255 and "Permission denied" in done.stderr


def ports_of(gateway: Gateway, device: Device) -> tuple[int, int | None]:
    """The port of the node's only forward, and the port that it moves to."""
    (forward,) = json.loads(gateway.ok("node", "show", device.node, "--json"))["node"]["forwards"]
    return forward["port"], forward["next_port"]
