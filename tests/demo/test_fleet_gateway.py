"""The gateways of the fleet's demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.fleet import bus_files
from demo.fleet_gateway import nats_server
from demo.processes import DemoFailed


def test_a_missing_nats_server_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bus_files, "PLACES", (str(tmp_path),))

    with pytest.raises(DemoFailed, match="not installed: nats-server"):
        nats_server()
