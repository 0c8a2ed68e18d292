"""Devices with two tunnels, one of which goes to a gateway that still runs a released version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import EventKind
from tests.system.accounts import Mode, reachable_install
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, Kit, built, kill
from tests.system.harness import FAST, Gateway, gateway_at
from tests.system.python_client import Echo
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.shell]
RELEASED = sorted((Path(__file__).parents[1] / "data" / "released").glob("checker-*.tar.xz"))
KITS = [pytest.param(OPENSSH, id="openssh"), pytest.param(DROPBEAR, id="dropbear")]


@pytest.fixture(scope="module", params=[pytest.param(one, id=one.stem) for one in RELEASED])
def old(request: pytest.FixtureRequest, usual: Mode) -> Iterator[Gateway]:
    with (
        reachable_install(request.param) as install,
        gateway_at(replace(usual, install=install, warm=None), policy=FAST) as found,
    ):
        found.up()
        yield found


@pytest.mark.parametrize("kit", KITS)
def test_a_path_keeps_its_tunnel_at_a_released_gateway(
    old: Gateway, boxes: Boxes, echo: Echo, kit: Kit
) -> None:
    box, device = boxes(kit), old.add(f"127.0.0.1:{echo.port},open")
    key = old.layout.host_key.with_suffix(".pub")
    places = [
        word
        for id_, port in (("gw1", old.ssh_port), ("gw2", 1))
        for word in ("--gateway", f"{id_}=127.0.0.1:{port}", "--host-key", f"{id_}={key}")
    ]
    box.start(built(old, device, box, kit, "--path", "1", *places))
    session = old.await_up(device)
    box.await_state("up", device.node)

    hold = old.await_event(EventKind.HOLD, device)
    until(lambda: box.log().count("up, at") == 1, "it says that it is up")
    asked = old.tunnel(device).checked_at or 0.0
    until(lambda: (old.tunnel(device).checked_at or 0.0) > asked, "it beats, and is answered")

    assert ".1 connected from" in hold.text
    assert not is_gone(session)
    kill(old, device)
    again = old.await_up(device, after=session)
    box.await_state("up", device.node)
    assert again != session
    assert old.events(device, EventKind.CLONE) == ()
    assert old.events(device, EventKind.REFUSED) == ()
    for process in box.started:
        process.terminate()
    box.await_nothing_left()
