"""Bundles that pin the gateway's host key and the one that will replace it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.client.bundle.samples import made_key
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, Kit, await_up, built
from tests.system.harness import Gateway

pytestmark = pytest.mark.sshd


@pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
def test_a_gateway_may_have_any_of_the_pinned_keys(
    gateway: Gateway, boxes: Boxes, tmp_path: Path, kit: Kit
) -> None:
    box = boxes(kit)
    device = gateway.add(gateway.service().target)
    other = made_key(tmp_path)
    file = built(gateway, device, box, kit, "--host-key", f"{other}.pub")
    now, to_come = (
        " ".join(line.split()[:2]) for line in (device.host_key, Path(f"{other}.pub").read_text())
    )
    # As after the change of keys: the one that was to come is the gateway's.
    text = file.read_text().replace(now, "NOW").replace(to_come, now).replace("NOW", to_come)
    assert text.index(to_come) < text.index(now)
    file.write_text(text)

    box.start(file)

    await_up(gateway, device, box)
    assert box.sh(file, "check").returncode == 0
    assert box.stop() == 0


def test_a_gateway_with_none_of_the_pinned_keys_is_refused(
    gateway: Gateway, boxes: Boxes, tmp_path: Path
) -> None:
    box = boxes(DROPBEAR)
    device = gateway.add(gateway.service().target)
    for name in "ab":
        (tmp_path / name).mkdir()
    others = [Path(f"{made_key(folder)}.pub") for folder in (tmp_path / "a", tmp_path / "b")]
    file = built(gateway, device, box, DROPBEAR, "--host-key", str(others[0]))
    keys = "\n".join(" ".join(other.read_text().split()[:2]) for other in others)
    file.write_text(re.sub(r"(?m)^HOST_KEYS='[^']*'", f"HOST_KEYS='{keys}'", file.read_text()))

    box.start(file)

    box.await_state("waiting", device.node, saying="ost key")
    assert box.sh(file, "check").returncode == 3
    assert box.stop() == 0
