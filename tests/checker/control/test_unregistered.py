"""Devices that the registry does not know; tests/checker/tunnels/test_shared_key.py makes some."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from checker.config.layout import home_layout
from checker.control.unregistered import aims_at, unregistered_tunnels
from checker.model import OPEN, Aim, NodeName, Port, Tunnel, Unregistered
from checker.registry.nodes import Registry

GARAGE = Unregistered(
    node=NodeName("garage"), port=Port(50001), expect=OPEN, first_at=1.0, last_at=2.0
)
FOUND = [(GARAGE, Tunnel(node=GARAGE.node, port=GARAGE.port))]


def test_a_device_is_named_by_name_port_or_both() -> None:
    aims = [Aim(node=GARAGE.node, port=GARAGE.port)]

    assert aims_at(FOUND, "garage") == aims_at(FOUND, "50001") == aims
    assert aims_at(FOUND, "garage:50001") == aims
    assert aims_at(FOUND, "garage:1") == aims_at(FOUND, "office") == []


def test_before_a_daemon_has_run_no_device_is_known(tmp_path: Path) -> None:
    assert unregistered_tunnels(home_layout(tmp_path), Registry(nodes=MappingProxyType({}))) == ()
