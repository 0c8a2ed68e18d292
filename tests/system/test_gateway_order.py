"""Clients of several gateways: what a silent one costs, and where they begin after a loss."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from checker.tunnels.sent_away import DRAINS
from tests.client.bundle.samples import made_key
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, Kit, await_up, built
from tests.system.harness import Gateway
from tests.system.python_client import Client, Echo, needs_programs, running
from tests.system.stub_gateway import StubGateway, stub_gateway

pytestmark = [pytest.mark.sshd, needs_programs]
IllPort = Callable[[], AbstractContextManager[int]]


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that answers no SYN, as that of a dead machine: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = int(listener.getsockname()[1])
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield port


@contextlib.contextmanager
def mute_port() -> Iterator[int]:
    """A port whose program accepts connections and says nothing, not even an SSH banner."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
@pytest.mark.parametrize("ill_port", [silent_port, mute_port], ids=["silent", "mute"])
def test_a_bundle_leaves_a_gateway_that_does_not_answer_before_its_next_beat(
    gateway: Gateway, boxes: Boxes, kit: Kit, ill_port: IllPort
) -> None:
    """A beat comes each hour: nothing but a time limit of its own takes it to the next gateway."""
    box = boxes(kit)
    device = gateway.add(gateway.service().target)
    with ill_port() as port:
        order = ("--gateway", f"127.0.0.1:{port}", "--gateway", f"127.0.0.1:{gateway.ssh_port}")
        file = built(gateway, device, box, kit, *order, BEAT="3600", CONNECT="2")

        box.start(file)
        await_up(gateway, device, box)

        assert box.state(device.node)["gateway"] == f"127.0.0.1:{gateway.ssh_port}"
        box.stop()


def test_the_python_client_leaves_a_silent_gateway_and_comes_home_after_a_loss(
    tmp_path: Path, port: int, echo: Echo
) -> None:
    with (
        stub_gateway(tmp_path / "home", (port,)) as home,
        stub_gateway(tmp_path / "guest", (port,)) as guest,
        silent_port() as silent,
    ):
        share_keys(home, guest)
        order = [f"127.0.0.1:{silent}", *(f"127.0.0.1:{one.port}" for one in (home, guest))]
        home.stop()
        client = Client(
            tmp_path / "node",
            guest,
            {port: echo.port},
            gateway=order,
            host_key=[home.host_key, guest.host_key],
            connect_timeout_s=1,
        )
        with running(client):
            client.says(f"127.0.0.1:{silent}: no connection within 0.5 s; next try now")
            client.says(f"up: 1 forward via 127.0.0.1:{guest.port}")
            home.start()
            guest.stop()

            client.says(f"up: 1 forward via 127.0.0.1:{home.port}")


def test_the_python_client_refuses_a_gateway_with_the_host_key_of_another(
    tmp_path: Path, port: int, echo: Echo
) -> None:
    with (
        stub_gateway(tmp_path / "home", (port,)) as home,
        stub_gateway(tmp_path / "guest", (port,)) as guest,
    ):
        share_keys(home, guest)
        addresses = [f"127.0.0.1:{one.port}" for one in (home, guest)]
        pins = (guest.host_key, guest.host_key)
        order = [
            {"address": address, "host_key": [pin]}
            for address, pin in zip(addresses, pins, strict=True)
        ]
        client = Client(tmp_path / "node", guest, {port: echo.port}, host_key=[home.host_key])
        tables = "".join(
            f"[[gateway]]\naddress = {json.dumps(one['address'])}\n"
            f"host_key = {json.dumps(one['host_key'])}\n"
            for one in order
        )
        lines = client.config.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("gateway")]
        client.config.write_text("".join(kept) + tables)
        with running(client):
            client.says(f"{addresses[0]}: the host key does not match the pinned one")
            client.says(f"up: 1 forward via {addresses[1]}")
        assert not home.asked("")


def test_the_python_client_goes_to_another_gateway_if_one_drains(
    tmp_path: Path, port: int, echo: Echo
) -> None:
    with (
        stub_gateway(tmp_path / "home", (port,)) as home,
        stub_gateway(tmp_path / "guest", (port,)) as guest,
    ):
        share_keys(home, guest)
        addresses = [f"127.0.0.1:{one.port}" for one in (home, guest)]
        keys = [home.host_key, guest.host_key]
        client = Client(
            tmp_path / "node", guest, {port: echo.port}, gateway=addresses, host_key=keys
        )
        with running(client):
            client.says(f"up: 1 forward via {addresses[0]}")
            (home.home / "drains").touch()

            client.says(f"{addresses[0]}: reversi: {DRAINS}; next try now")
            client.says(f"up: 1 forward via {addresses[1]}")
        assert home.asked("hold")[0][0].endswith("+moves")


def test_each_client_leaves_a_gateway_that_drains_and_comes_back_if_there_is_no_other(
    own_gateway: Gateway, boxes: Boxes, tmp_path: Path
) -> None:
    gateway = own_gateway
    gateway.start_sshd()
    gateway.serve()
    found = []
    for kit in (OPENSSH, DROPBEAR):
        box, device = boxes(kit), gateway.add(gateway.service().target)
        box.start(built(gateway, device, box, kit, BEAT="20"))
        found.append((device, await_up(gateway, device, box)))
    device, log = gateway.add(gateway.service().target), tmp_path / "client.log"
    words = [sys.executable, "-m", "client", "run", "--config", str(device.config)]
    with log.open("wb") as file, subprocess.Popen(words, stderr=file) as client:
        try:
            found.append((device, gateway.await_up(device)))

            gateway.ok("drain", "--no-wait")

            for device, before in found:
                gateway.await_up(device, after=before)
                assert "moves" not in gateway.await_registered(device, after=before).client
        finally:
            client.terminate()


@pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
def test_a_bundle_refuses_a_gateway_with_the_host_key_of_another(
    gateway: Gateway, boxes: Boxes, tmp_path: Path, kit: Kit
) -> None:
    box = boxes(kit)
    device = gateway.add(gateway.service().target)
    real, other = tmp_path / "real.pub", made_key(tmp_path)
    real.write_text(f"{device.host_key}\n")
    first, second = (f"{host}:{gateway.ssh_port}" for host in ("127.0.0.1", "localhost"))
    words = ["--gateway", f"gw1={first}", "--gateway", f"gw2={second}"]
    for pin in (f"gw1={other}.pub", f"gw2={other}.pub", f"gw2={real}"):
        words += ["--host-key", pin]
    file = built(gateway, device, box, kit, *words)

    box.start(file)
    await_up(gateway, device, box)

    assert box.state(device.node)["gateway"] == f"gw2={second}"
    assert f"gw1={first}: " in box.log()
    assert box.sh(file, "check").returncode == 0
    known = (box.live(device.node) / ".ssh/known_hosts").read_text()
    assert {line.split()[0] for line in known.splitlines()} == {"reversi-gw2", "localhost"}
    box.stop()


def share_keys(*gateways: StubGateway) -> None:
    """Let each gateway accept the last one's node."""
    key = gateways[-1].node_key
    for gateway in gateways:
        gateway.node_key = key
        gateway.permit(gateway.permitted)
