"""Clients whose key sshd fails to look up, as under load: AuthorizedKeysCommand fails once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.bundle.compose import render
from tests.client.bundle.samples import changed, forms_of
from tests.system.devices import DROPBEAR, OPENSSH, SCALED, Boxes, Kit
from tests.system.python_client import Client, Echo, needs_programs, running
from tests.system.stub_gateway import StubGateway, stub_gateway
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, needs_programs]
LOOK_UP = """\
cd {home} || exit 1
! mv fails failed 2>/dev/null || exit 1
cat known
"""


@pytest.fixture
def gateway(tmp_path: Path, port: int) -> Iterator[StubGateway]:
    """A gateway that asks a program for the node's key."""
    with stub_gateway(tmp_path / "gateway", (port,)) as found:
        found.stop()
        script = found.home / "look-up"
        script.write_text(LOOK_UP.format(home=found.home))
        (found.home / "authorized_keys").rename(found.home / "known")
        config = found.home / "sshd_config"
        config.write_text(
            f"AuthorizedKeysCommand /bin/sh {script}\nAuthorizedKeysCommandUser {found.user}\n"
            + config.read_text()
        )
        found.start()
        yield found


def fail_the_next_look_up_and_end_the_tunnel(gateway: StubGateway) -> None:
    (gateway.home / "fails").touch()
    _, pid = gateway.asked("hold")[-1]
    os.kill(pid, signal.SIGKILL)
    until((gateway.home / "failed").exists, "a look-up fails")


def test_the_python_client_soon_tries_again(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up: 1 forward")

        fail_the_next_look_up_and_end_the_tunnel(gateway)

        client.says("up: 1 forward", times=2)
        assert len(client.lines("the gateway does not accept this node's key")) == 1


@pytest.mark.shell
@pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
def test_a_bundle_soon_tries_again(
    boxes: Boxes, gateway: StubGateway, port: int, echo: Echo, kit: Kit
) -> None:
    box = boxes(kit)
    settings = {name.lower(): value for name, value in SCALED.items()}
    settings |= {"root": str(box.root), "started_by": "cron", "client": kit.client}
    box.start(
        box.write(
            render(
                changed(
                    gateways=(f"127.0.0.1:{gateway.port}",),
                    user=gateway.user,
                    forwards=(f"{port}:127.0.0.1:{echo.port}",),
                    host_keys=(" ".join(gateway.host_key.split()[:2]),),
                    key=forms_of(gateway.home / "node"),
                    settings={**settings, "setup": "30"},
                )
            )
        )
    )
    box.await_state("up")

    fail_the_next_look_up_and_end_the_tunnel(gateway)

    until(lambda: box.log().count(": up, at ") == 2, "it is up again")
    assert "Permission denied" in box.log() or "No auth methods" in box.log()
    assert box.stop() == 0
