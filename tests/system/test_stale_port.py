"""A device that starts again while its old connection still holds the port at the gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.model import EventKind
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, Kit, await_up, built
from tests.system.harness import Gateway
from tests.system.seen import is_gone

pytestmark = pytest.mark.sshd


@pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
def test_a_bundle_claims_its_port_as_soon_as_its_forward_is_refused(
    gateway: Gateway, boxes: Boxes, kit: Kit
) -> None:
    box = boxes(kit)
    device = gateway.add(gateway.service().target)
    gateway.connect(device, "hold", "its-word")
    stale = gateway.await_up(device)
    live = box.live(device.node)
    live.mkdir(parents=True, mode=0o700)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (live / "instance").write_text(f"{boot} its-word\n")

    box.start(built(gateway, device, box, kit))

    await_up(gateway, device, box, after=stale)
    assert is_gone(stale)
    assert "fail" not in box.log(), "nothing was logged as a failure"
    assert [event.text for event in gateway.events(device, EventKind.CLONE)] == []
    box.stop()
