"""A rollout in a fleet: real devices go to their home, another gateway, over a real bus.

Gateways and devices are in network namespaces of their own: only a connection through the gateway
that holds a device reaches it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from checker.fleet.cards import parse_card
from checker.model import EventKind, Status
from tests.fleet.buses import WITHIN_S, program
from tests.fleet.fleet_mirrors import name_at
from tests.fleet.homes import Signer, signer
from tests.fleet.pairs import GW1, GW2, Pair, Place, pair
from tests.programs import require, run_program
from tests.system.accounts import Mode
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.mounted_device import MountedDevice
from tests.system.network import DEVICE, GATEWAY, GATEWAY_HOST, ROUTER, Network
from tests.system.ports import accepts_inside
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = [
    pytest.mark.sshd,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of one's own take root"),
]
ROUTER_HOST = "10.213.1.254"
ENTRY = "import sys; from client.cli import main; sys.exit(main())"
SHORT_TRIAL = (
    "from client.bundle.settings import Settings; Settings.__init__.__kwdefaults__['trial'] = '12';"
)
"""Begins the entry of a rollout whose bundles give up sooner: no option changes that."""
LETS_ANNA_IN = """Match User root
AllowUsers root
PermitRootLogin prohibit-password
AuthorizedKeysFile {key}
AllowTcpForwarding local
PermitOpen any
"""
"""As sshd of an installed gateway does for all who are not the tunnel user."""
LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()
"""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Two gateways, and anna, who sits at gw1 with her SSH agent."""

    fleet: Pair
    net: Network
    folder: Path
    agent: Path

    def name(self, number: int) -> str:
        """A name of a node whose home is gw2; another one for each number."""
        folder = self.fleet.gw1.layout.fleet / "gateways"
        cards = [parse_card((folder / f"{id_}.toml").read_bytes()) for id_ in (GW1, GW2)]
        return name_at(GW2, cards, number)

    def client(self, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
        """Run `reversi-client` at gw1."""
        gateway, programs = self.fleet.gw1, Path(sys.executable).parent
        start = [*gateway.inside, sys.executable, "-c", before + ENTRY]
        return run_program(
            [*start, *words, "--home", str(gateway.home)],
            timeout=400,
            env={
                **os.environ,
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "SSH_AUTH_SOCK": str(self.agent),
            },
        )

    def rollout(self, name: str, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
        known = f"UserKnownHostsFile={self.folder / 'known_hosts'}"
        options = ("--user", "root", "--ssh-option", known)
        return self.client("rollout", name, *options, *words, before=before)

    def add(self, name: str, device: MountedDevice) -> Device:
        """Register and sign a node at gw1, and wait until gw2 has it from the bus; install a bundle
        that knows only gw1.
        """
        gw1, gw2 = self.fleet.gw1, self.fleet.gw2
        node = gw1.add(f"127.0.0.1:{device.port},banner:SSH-2.0", name=name)
        gw1.ok("node", "sign", name, "--key", str(self.fleet.anna.key))
        allowed, keys = f':{node.ports[0]}"', gw2.layout.authorized_keys
        until(
            lambda: keys.exists() and allowed in keys.read_text(encoding="utf-8"),
            "gw2 lets it in",
            within_s=WITHIN_S,
        )
        file = self.folder / f"{name}.sh"
        done = self.client(
            *("build", name, "--private-key", str(node.key), "--beat", "1"),
            *("--output", str(file), "--gateway", f"gw1={address(gw1)}"),
        )
        assert done.returncode == 0, done.stderr
        device.ok("cat >/tmp/bundle.sh", file.read_text())
        device.ok("sh /tmp/bundle.sh install && rm -f /tmp/bundle.sh")
        return node


def address(gateway: Gateway) -> str:
    return f"{gateway.host}:{gateway.ssh_port}"


@contextmanager
def agent_of(anna: Signer, folder: Path) -> Iterator[Path]:
    """Anna's SSH agent; yield its socket."""
    place = folder / "agent"
    with program(["ssh-agent", "-D", "-a", str(place)], folder, folder / "agent.log"):
        until(place.exists, "the agent")
        words = ["ssh-add", "-q", str(anna.key)]
        subprocess.run(words, check=True, env={**os.environ, "SSH_AUTH_SOCK": str(place)})
        yield place


@contextmanager
def taken(gateway: Gateway, port: int) -> Iterator[None]:
    """Have another program of that machine listen on the port."""
    words = [*gateway.inside, sys.executable, "-c", LISTEN, str(port)]
    with program(words, gateway.folder, gateway.folder / "taken.log"):
        until(lambda: accepts_inside(gateway.inside, port, "127.0.0.1"), "it listens")
        yield


@pytest.fixture(scope="module")
def scene(net: Network, usual: Mode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require("nats-server", "ssh-agent", "ssh-add")
    net.ip(ROUTER, "link", "set", "lo", "up")
    folder = tmp_path_factory.mktemp("rollout")
    anna, more = signer(folder / "people", "anna"), folder / "sshd_anna"
    more.write_text(LETS_ANNA_IN.format(key=f"{anna.key}.pub"), encoding="ascii")
    sshd = f"Include {more}\n"
    places = (
        Place(net.inside(GATEWAY), GATEWAY_HOST),
        Place(net.inside(ROUTER), ROUTER_HOST),
    )
    with (
        agent_of(anna, folder) as agent,
        pair(usual, usual, anna, places=places, sshd=sshd) as fleet,
    ):
        fleet.gw1.start_sshd(more=sshd)
        yield Scene(fleet=fleet, net=net, folder=folder, agent=agent)


@pytest.fixture
def device(scene: Scene, tmp_path: Path) -> Iterator[MountedDevice]:
    """A device that has no bundle yet."""
    inside = scene.net.inside(DEVICE)
    with closing(MountedDevice(tmp_path / "device", scene.fleet.anna.key, inside=inside)) as found:
        yield found


def test_a_device_goes_home_with_the_bundle_of_its_nodes_order(
    scene: Scene, device: MountedDevice
) -> None:
    gw1, gw2, name = scene.fleet.gw1, scene.fleet.gw2, scene.name(0)
    node = scene.add(name, device)
    first = gw1.await_up(node)

    done = scene.rollout(name)

    assert done.returncode == 0, done.stdout + done.stderr
    assert " upgraded " in done.stdout
    assert "it is at gw2 now" in done.stdout
    gw2.await_up(node)
    until(lambda: is_gone(first), "its session at gw1 ends")
    script = device.ok(f"cat /etc/reversi/{name}.sh /etc/reversi/{name}.keys")
    assert f"GATEWAYS='gw2={address(gw2)} gw1={address(gw1)}'" in script
    assert "gateway: gw2=" in device.run(f"sh /etc/reversi/{name}.sh status").stdout
    assert device.ok("ls /tmp") == ""
    for gateway in (gw1, gw2):
        assert not gateway.events(kind=EventKind.CLONE)

    again = scene.rollout(name, "--again")
    assert again.returncode == 1
    assert "its tunnel is at gw2: run rollout there" in again.stdout


def test_a_device_returns_to_its_old_bundle_if_its_home_cannot_take_it(
    scene: Scene, device: MountedDevice
) -> None:
    gw1, gw2, name = scene.fleet.gw1, scene.fleet.gw2, scene.name(1)
    node = scene.add(name, device)
    gw1.ok("node", "sign", name, "--gateways", "gw2", "--key", str(scene.fleet.anna.key))
    first = gw1.await_up(node)

    with taken(gw2, node.ports[0]):
        done = scene.rollout(name, before=SHORT_TRIAL)

        assert done.returncode == 1, done.stdout + done.stderr
        assert " failed " in done.stdout
        assert "the new bundle got no good verdict, and the old one is back" in done.stdout
        gw2.await_status(node, Status.FOREIGN)
    gw1.await_up(node, after=first)
    script = device.ok(f"cat /etc/reversi/{name}.sh /etc/reversi/{name}.keys")
    assert f"GATEWAYS=gw1={address(gw1)}\n" in script
