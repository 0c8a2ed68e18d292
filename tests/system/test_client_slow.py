"""The Python client on slow and full links, with dead addresses, and with text printed at login."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.programs import require
from tests.system.network import DEVICE, DEVICE_HOSTS, GATEWAY, GATEWAY_HOST, Network
from tests.system.ports import free_port
from tests.system.python_client import Client, Echo, running
from tests.system.relay import relay
from tests.system.room import Room, room
from tests.system.stub_gateway import StubGateway, stub_gateway
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
PORT = 20500
BULK_BYTES = 200_000
SERVICE = f"""
import socket
listener = socket.create_server(("127.0.0.1", 9999))
print("ready", flush=True)
while True:
    channel, _ = listener.accept()
    with channel:
        if channel.recv(1) == b"u":
            channel.sendall(bytes({BULK_BYTES}))
        else:
            while channel.recv(65536):
                pass
"""
USER = f"""
import socket, sys
channel = socket.create_connection(("127.0.0.1", {PORT}))
if sys.argv[1] == "up":
    channel.sendall(b"u")
    channel.shutdown(socket.SHUT_WR)
    count = 0
    while part := channel.recv(65536):
        count += len(part)
    print(count)
else:
    channel.sendall(b"d" + bytes({BULK_BYTES}))
    channel.shutdown(socket.SHUT_WR)
    print({BULK_BYTES} if channel.recv(1) == b"" else 0)
"""
LISTEN = """
import socket, sys
listener = socket.create_server(("fd00:213::1", int(sys.argv[1])), family=socket.AF_INET6)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own_room() -> Iterator[Room]:
    require("ip", "unshare", "nsenter", "mount")
    if os.geteuid() != 0:
        pytest.skip("a namespace needs root")
    with room() as found:
        yield found


@pytest.fixture
def full_link(net: Network) -> Iterator[Network]:
    """Limit each way to 256 kbit/s, with a queue of two seconds; the target runs on the device."""
    target = subprocess.Popen(
        [*net.inside(DEVICE), sys.executable, "-c", SERVICE], stdout=subprocess.PIPE
    )
    assert target.stdout is not None
    target.stdout.readline()
    for place in (GATEWAY, DEVICE):
        net.shape(place, rate="256kbit", limit="64kb")
    try:
        yield net
    finally:
        for place in (GATEWAY, DEVICE):
            net.unshape(place)
        target.kill()
        target.wait()
        target.stdout.close()


def far_client(tmp_path: Path, net: Network, stack: ExitStack) -> tuple[StubGateway, Client]:
    gateway = stack.enter_context(
        stub_gateway(tmp_path / "gateway", (PORT,), inside=net.inside(GATEWAY), host=GATEWAY_HOST)
    )
    client = Client(
        tmp_path / "node",
        gateway,
        {PORT: 9999},
        gateway=[f"{GATEWAY_HOST}:{gateway.port}"],
        answer_deadline_s=0.5,
    )
    client.inside = net.inside(DEVICE)
    return gateway, stack.enter_context(running(client))


@pytest.mark.parametrize("way", ["up", "down"])
def test_bulk_on_a_slow_link_does_not_end_its_tunnel(
    tmp_path: Path, full_link: Network, way: str
) -> None:
    with ExitStack() as stack:
        gateway, client = far_client(tmp_path, full_link, stack)
        client.says("up:")

        command = [*full_link.inside(GATEWAY), sys.executable, "-c", USER, way]
        moved = subprocess.run(
            command, capture_output=True, text=True, timeout=200, check=True
        ).stdout

        assert int(moved) == BULK_BYTES
        assert not client.lines("hangs")
        assert len(gateway.asked("hold")) == 1


def test_a_black_hole_during_bulk_is_noticed(tmp_path: Path, full_link: Network) -> None:
    with ExitStack() as stack:
        gateway, client = far_client(tmp_path, full_link, stack)
        client.says("up:")
        user = subprocess.Popen(
            [*full_link.inside(GATEWAY), sys.executable, "-c", USER, "up"],
            stdout=subprocess.DEVNULL,
        )
        before = gateway.beats()
        try:
            until(lambda: gateway.beats() > before + 2, "beats behind the data")
            full_link.swallow(DEVICE_HOSTS[0])

            client.says("the connection hangs: no answer to a beat")
        finally:
            full_link.pass_again(DEVICE_HOSTS[0])
            user.kill()
            user.wait()
        client.says("up:", times=2)


def test_a_login_that_takes_longer_than_its_limit_gets_more_time(tmp_path: Path) -> None:
    echo, port = Echo(), free_port()
    try:
        with (
            stub_gateway(tmp_path / "gateway", (port,)) as gateway,
            relay(gateway.port, "--up", "0.15", "--down", "0.15") as link,
        ):
            address = f"127.0.0.1:{link.port}"
            settings: dict[str, object] = {
                "gateway": [address],
                "connect_timeout_s": 0.7,
                "answer_deadline_s": 0.25,
            }
            with running(
                Client(tmp_path / "node", gateway, {port: echo.port}, **settings)
            ) as client:
                client.says("no login within 0.7 s")
                client.says("up:")
                until(lambda: gateway.beats() > 9, "ten beats")
                asked = client.ask("check")

            assert asked.returncode == 0, asked.stderr
            assert len(gateway.asked("hold")) == 1
    finally:
        echo.close()


def lead_nowhere(room: Room, hosts: Path) -> None:
    """Give the gateway's name a dead IPv6 address, which comes first, and 127.0.0.1."""
    room.run("ip", "link", "add", "far", "type", "veth", "peer", "name", "end")
    for link in ("far", "end"):
        room.run("ip", "link", "set", link, "up")
    room.run("ip", "address", "add", "fd00:213::2/64", "dev", "far", "nodad")
    room.run(
        "ip",
        "neighbor",
        "add",
        "fd00:213::1",
        "lladdr",
        "02:00:00:00:00:01",
        "dev",
        "far",
        "nud",
        "permanent",
    )
    hosts.write_text("fd00:213::1 gateway.test\n127.0.0.1 gateway.test localhost\n")
    room.replace("/etc/hosts", hosts)


@pytest.mark.parametrize(
    "silent",
    [pytest.param(False, id="drops packets"), pytest.param(True, id="accepts and stays silent")],
)
def test_a_dead_address_of_the_gateway_is_skipped(
    tmp_path: Path, own_room: Room, silent: bool
) -> None:
    lead_nowhere(own_room, tmp_path / "hosts")
    with ExitStack() as stack:
        gateway = stack.enter_context(
            stub_gateway(tmp_path / "gateway", (PORT,), inside=own_room.inside)
        )
        if silent:
            own_room.run("ip", "address", "add", "fd00:213::1/128", "dev", "lo", "nodad")
            listener = subprocess.Popen(
                [*own_room.inside, sys.executable, "-c", LISTEN, str(gateway.port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            stack.enter_context(listener)
            stack.callback(listener.kill)
            assert listener.stdout is not None
            listener.stdout.readline()
        limit_s = 2 if silent else 25
        client = Client(
            tmp_path / "node",
            gateway,
            {PORT: 9},
            gateway=[f"gateway.test:{gateway.port}"],
            connect_timeout_s=limit_s,
        )
        client.inside = own_room.inside
        stack.enter_context(running(client))

        client.says("up:")

        assert len(client.lines("gateway.test")) == 1
        assert len(gateway.asked("hold")) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("echo Welcome", id="a line"),
        pytest.param("echo 20", id="a number"),
        pytest.param("date +%S; echo 3 users; echo; echo 0", id="numbers and lines"),
        pytest.param("printf 'Welcome: '", id="no newline"),
        pytest.param("sleep 1; echo 7", id="a late number"),
    ],
)
def test_text_printed_at_login_is_not_taken_for_an_answer(
    tmp_path: Path, own_room: Room, text: str
) -> None:
    (tmp_path / "ssh").mkdir()
    (tmp_path / "ssh" / "sshrc").write_text(f"{text}\n")
    own_room.replace("/etc/ssh", tmp_path / "ssh")
    with stub_gateway(tmp_path / "gateway", (PORT,), inside=own_room.inside) as gateway:
        client = Client(
            tmp_path / "node", gateway, {PORT: 9}, answer_deadline_s=8, check_every_s=0.3
        )
        client.inside = own_room.inside
        gateway.answer(check=5)

        with running(client):
            client.says("up:")
            until(lambda: gateway.beats() > 4, "five beats")
            asked = client.ask("check", "--json")

            gateway.answer(verdict=13)
            client.says("and asks to wait 13 s")

        assert '"wait_s": 5' in asked.stdout
        assert len(client.lines("asks to wait")) == 1
        assert len(gateway.asked("claim")) == 1, "it shows what a login prints"
