"""The shared key of the original's fleets against the real sshd: believed, never against a
registered node, and left node by node.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from checker.model import EventKind, ProcessId, Status
from checker.registry.node_file import node_toml, read_node
from tests.system.accounts import Mode
from tests.system.clients import Device
from tests.system.harness import FAST, Gateway, gateway_at
from tests.system.ports import accepts, free_block
from tests.system.seen import is_gone
from tests.system.services import Service, Stranger
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.timeout(120)]


class Fleet:
    """Devices that have one key between them, at one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        own = int(gateway.policy.split('ports = "')[1].split("-")[0])
        self.range = next(block for block in iter(free_block, None) if block.start != own)
        self.free = iter(self.range)
        self.key = gateway.folder / "fleet.toml.key"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)],
            check=True,
            timeout=30,
        )
        public = self.key.with_name(f"{self.key.name}.pub").read_text(encoding="ascii").strip()
        table = (
            f'[shared_key]\nenabled = true\npublic_key = "{public}"\nports ='
            f' "{self.range.start}-{self.range.stop - 1}"\n'
        )
        gateway.write_policy(f"{gateway.policy}{table}")

    def device(self, name: str, service: Service, *, port: int = 0) -> Device:
        """A device of the original's: the shared key, a name and a port that it was told."""
        gateway = self.gateway
        return Device(
            node=name,
            ports=(port or next(self.free),),
            targets=(f"127.0.0.1:{service.port}",),
            user=gateway.mode.tunnel.name,
            host=gateway.host,
            ssh_port=gateway.ssh_port,
            host_key=gateway.layout.host_key.with_suffix(".pub")
            .read_text(encoding="ascii")
            .rstrip(),
            config=gateway.folder / "fleet.toml",
        )

    def says(self, device: Device, expected: str = "SSH-2.0") -> int:
        """The original's check, a login of its own."""
        return device.verdict(device.node, str(device.ports[0]), expected)

    def up(self, name: str) -> Device:
        """A device whose tunnel is up, and which has said so."""
        device = self.device(name, self.gateway.service())
        self.gateway.connect_unheard(device)
        until(lambda: accepts(device.ports[0]), "the tunnel")
        assert self.says(device) == 0
        self.gateway.await_status(device, Status.UP)
        return device

    def imports(self, name: str, port: int, service: Service) -> None:
        """Register a node as one of the original's files has it."""
        rev = self.gateway.folder / f"{name}.rev"
        lines = (
            f"nodename:{name}",
            f"reversiport:{port}",
            "fwdhost:127.0.0.1",
            f"fwdport:{service.port}",
            "fwdportstr:SSH-2.0",
        )
        rev.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        self.gateway.ok("node", "import", str(rev))

    def session(self, device: Device) -> ProcessId:
        found = self.gateway.await_status(device, Status.UP).session
        assert found is not None
        return found

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.gateway.run("status", "--json").stdout))

    def unregistered(self) -> set[str]:
        return {one["node"] for one in self.status()["unregistered"]}


@pytest.fixture(scope="module")
def fleet(usual: Mode) -> Iterator[Fleet]:
    with gateway_at(usual, policy=FAST) as gateway:
        found = Fleet(gateway)
        gateway.up()
        yield found


def test_a_device_that_names_itself_is_listed_as_unregistered(fleet: Fleet) -> None:
    device = fleet.up("stranger")

    listed = until(
        lambda: [one for one in fleet.status()["unregistered"] if one["node"] == "stranger"],
        "the device in the list",
    )[0]

    assert (listed["port"], listed["target"], listed["expect"]) == (
        device.ports[0],
        None,
        "banner:SSH-2.0",
    )
    assert listed["status"] == "up"
    assert listed["first_at"] <= listed["last_at"]
    event = fleet.gateway.await_event(EventKind.REGISTRY, device)
    assert "unregistered node stranger appeared" in event.text
    listing = fleet.gateway.ok("node", "list")
    assert "unregistered" in next(
        line for line in listing.splitlines() if line.startswith("stranger ")
    )
    assert "stranger" in {
        one["node"]
        for one in json.loads(fleet.gateway.ok("node", "list", "--json"))["unregistered"]
    }


def test_invented_names_for_ports_that_nobody_holds_leave_nothing(fleet: Fleet) -> None:
    idle = fleet.device("ghost", fleet.gateway.service())

    answers = {
        fleet.device(f"ghost{number}", fleet.gateway.service(), port=idle.ports[0]).verdict(
            f"ghost{number}", str(idle.ports[0])
        )
        for number in range(3)
    }

    assert answers == {1}
    assert not {name for name in fleet.unregistered() if name.startswith("ghost")}


@pytest.mark.parametrize(
    ("words", "status"),
    [
        pytest.param("check", 77, id="check"),
        pytest.param("claim x", 77, id="claim"),
        pytest.param("hold x", 77, id="hold"),
        pytest.param("office 22 SSH", 77, id="a-port-out-of-its-range"),
        pytest.param("UPPER {port} SSH", 64, id="no-name"),
    ],
)
def test_only_the_originals_words_about_its_own_ports_are_answered(
    fleet: Fleet, words: str, status: int
) -> None:
    device = fleet.device("words", fleet.gateway.service())

    done = device.ask(words.format(port=device.ports[0]))

    assert (done.returncode, done.stdout) == (status, "0\n")
    assert done.stderr.startswith("reversi: ")


def test_a_hung_tunnel_is_killed_when_its_device_asks(fleet: Fleet) -> None:
    device = fleet.device("hanging", fleet.gateway.service())
    connection = fleet.gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0]), "the tunnel")
    assert fleet.says(device) == 0
    session = fleet.session(device)
    connection.freeze()

    verdict = fleet.says(device)

    assert 1 <= verdict <= 2
    until(lambda: is_gone(session), "the end of the session")
    assert not accepts(device.ports[0])


def test_the_sweep_frees_an_unregistered_port_that_nobody_asks_about(fleet: Fleet) -> None:
    device = fleet.device("silent", fleet.gateway.service())
    connection = fleet.gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0]), "the tunnel")
    assert fleet.says(device) == 0
    session = fleet.session(device)

    connection.freeze()

    until(lambda: is_gone(session), "the end of the session")
    assert fleet.gateway.await_event(EventKind.KILL, device).actor == "daemon"


def test_another_answer_than_expected_is_an_impostors_and_is_killed(fleet: Fleet) -> None:
    device = fleet.device("impostor", fleet.gateway.service(b"220 mail\r\n"))
    fleet.gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0]), "the tunnel")

    verdict = fleet.says(device)

    assert 1 <= verdict <= 2
    assert "wrong" in fleet.gateway.await_event(EventKind.KILL, device).text


def test_a_healthy_tunnel_whose_device_says_null_is_never_killed(fleet: Fleet) -> None:
    # as a web server, it says nothing first
    device = fleet.device("nulldev", fleet.gateway.service(b""))
    fleet.gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0]), "the tunnel")

    verdicts = [fleet.says(device, "NULL") for _ in range(3)]

    assert verdicts == [0, 0, 0]
    assert fleet.gateway.await_status(device, Status.UP).kills == 0


def test_an_operator_ends_what_is_not_registered_too(fleet: Fleet) -> None:
    device = fleet.up("unwanted")
    session = fleet.session(device)
    until(lambda: "unwanted" in fleet.unregistered(), "the device in the list")

    fleet.gateway.ok("kill", "--yes", str(device.ports[0]))

    assert is_gone(session)


def test_a_second_name_for_a_port_does_not_take_the_firsts_place(fleet: Fleet) -> None:
    device = fleet.up("first")
    session = fleet.session(device)

    assert device.verdict("second", str(device.ports[0]), "HTTP/1.1") == 0

    until(
        lambda: [
            e for e in fleet.gateway.events(device) if "do two devices use one port?" in e.text
        ],
        "the event",
    )
    assert fleet.session(device) == session
    assert "second" not in fleet.unregistered()


def test_a_process_that_is_no_session_is_left_alone(fleet: Fleet) -> None:
    device = fleet.device("foreign", fleet.gateway.service())
    stranger = Stranger(device.ports[0], banner="220 not SSH")
    try:
        assert fleet.says(device) == 60

        assert stranger.lives
        assert "foreign" not in fleet.unregistered()
    finally:
        stranger.close()


def test_the_shared_key_can_not_listen_on_a_registered_nodes_port(fleet: Fleet) -> None:
    port = next(fleet.free)
    config = fleet.gateway.folder / "owner.toml"
    fleet.gateway.ok(
        "node", "add", "owner", "--forward", f"{port}=127.0.0.1:9", "--client-config", str(config)
    )
    thief = fleet.device("thief", fleet.gateway.service(), port=port)

    done = thief.ask("thief", str(port), options=("-R", f"{port}:127.0.0.1:9"))

    assert done.returncode == 255


@pytest.mark.parametrize("name", ["victim", "thief"])
def test_the_shared_key_can_not_have_a_registered_nodes_tunnel_killed(
    fleet: Fleet, name: str
) -> None:
    service = fleet.gateway.service()
    victim = fleet.gateway.add(service.target, name=f"victim{fleet.gateway.names}")
    fleet.gateway.connect(victim)
    session = fleet.gateway.await_up(victim)
    asking = fleet.device(victim.node if name == "victim" else name, service, port=victim.ports[0])

    for expected in ("HTTP/1.1", "SSH-2.0"):
        done = asking.ask(asking.node, str(victim.ports[0]), expected)
        assert (done.returncode, done.stdout) == (77, "0\n")

    assert fleet.gateway.tunnel(victim).session == session
    assert fleet.gateway.tunnel(victim).kills == 0
    fleet.gateway.probe(victim)
    assert fleet.gateway.await_up(victim) == session


def test_a_session_that_also_holds_a_registered_nodes_port_is_spared(fleet: Fleet) -> None:
    """The node moved a forward away; its old listener is in the shared key's range, and its
    connection carries another forward.
    """
    service = fleet.gateway.service()
    port = next(fleet.free)
    config = fleet.gateway.folder / "mover.toml"
    kept = fleet.gateway.port()
    fleet.gateway.ok(
        "node",
        "add",
        "mover",
        "--forward",
        f"{kept}={service.target}",
        "--forward",
        f"{port}={service.target}",
        "--client-config",
        str(config),
    )
    both = fleet.device("mover", service, port=kept)
    mover = Device(
        node="mover",
        ports=(kept, port),
        targets=(both.targets[0],) * 2,
        user=both.user,
        host=both.host,
        ssh_port=both.ssh_port,
        host_key=both.host_key,
        config=config,
    )
    fleet.gateway.connect_unheard(mover)
    session = fleet.gateway.await_up(mover)
    file = fleet.gateway.layout.nodes / "mover.toml"
    node = read_node(file)
    file.write_bytes(node_toml(replace(node, forwards=node.forwards[:1])))
    thief = fleet.device("thief2", service, port=port)

    def refused_as_registered() -> bool:
        return thief.ask(thief.node, str(port), "HTTP").returncode == 77

    until(lambda: not refused_as_registered(), "the port out of the registry")
    assert thief.verdict(thief.node, str(port), "HTTP") == 60

    assert fleet.gateway.await_up(mover) == session


def moved(fleet: Fleet, name: str) -> Device:
    """The device's own client, of the files that `adopt` wrote."""
    config = fleet.gateway.folder / f"{name}.toml"
    node = json.loads(fleet.gateway.ok("node", "show", name, "--json"))["node"]
    old = fleet.device(name, fleet.gateway.service(), port=node["forwards"][0]["port"])
    target = node["forwards"][0]["target"]
    return Device(
        node=name,
        ports=old.ports,
        targets=(target,),
        user=old.user,
        host=old.host,
        ssh_port=old.ssh_port,
        host_key=old.host_key,
        config=config,
    )


def adopt(fleet: Fleet, name: str, *options: str) -> Device:
    fleet.gateway.ok(
        "node",
        "adopt",
        name,
        "--client-config",
        str(fleet.gateway.folder / f"{name}.toml"),
        *options,
    )
    return moved(fleet, name)


def test_a_device_moves_to_a_key_of_its_own_without_an_outage(fleet: Fleet) -> None:
    neighbour = fleet.up("neighbour")
    old = fleet.up("mobile")
    sessions = {device.node: fleet.session(device) for device in (neighbour, old)}

    new = adopt(fleet, "mobile", "--target", old.targets[0])
    assert fleet.says(old) == 0
    assert "mobile" not in fleet.unregistered()
    assert fleet.session(old) == sessions["mobile"]
    fleet.gateway.connections[-1].vanish()
    until(lambda: not accepts(old.ports[0]), "the end of the tunnel")
    fleet.gateway.connect_unheard(old)
    until(lambda: accepts(old.ports[0]), "the shared key opens the port still")
    assert fleet.says(old) == 0
    last_shared = fleet.session(old)

    assert new.verdict("claim", "its-own") == 0
    until(lambda: is_gone(last_shared), "the end of the shared key's session")
    own = fleet.gateway.connect(new, "hold", "its-own")
    fleet.gateway.await_up(new, after=last_shared)
    assert fleet.says(old) == 0, "the shared key speaks for it until its own tunnel beats"
    with own.beating(0.5):
        until(
            lambda: old.ask("mobile", str(old.ports[0]), "HTTP").returncode == 77,
            "the end of the shared key's right",
        )

    refused = old.ask("mobile", str(old.ports[0]), "HTTP")
    assert (refused.returncode, refused.stdout) == (77, "0\n")
    assert (
        old.ask(
            "mobile", str(old.ports[0]), options=("-R", f"{old.ports[0]}:127.0.0.1:9")
        ).returncode
        == 255
    )
    assert fleet.says(neighbour) == 0
    assert fleet.session(neighbour) == sessions["neighbour"]
    assert not fleet.gateway.events(neighbour, EventKind.KILL)
    assert not fleet.gateway.events(new, EventKind.CLONE)


def test_an_imported_node_lives_on_the_shared_key_until_it_is_adopted(fleet: Fleet) -> None:
    service = fleet.gateway.service()
    port = fleet.gateway.port()
    fleet.imports("branch", port, service)
    old = fleet.device("branch", service, port=port)

    fleet.gateway.connect_unheard(old)
    fleet.gateway.await_up(old)
    assert fleet.says(old, "HTTP") == 0
    assert (
        fleet.device("other", service, port=port).ask("other", str(port), "HTTP").returncode == 77
    )

    session = fleet.session(old)
    new = adopt(fleet, "branch")
    assert new.verdict("claim", "own") == 0
    own = fleet.gateway.connect(new, "hold", "own")
    fleet.gateway.await_up(new, after=session)

    def key() -> str:
        return str(
            json.loads(fleet.gateway.ok("node", "show", "branch", "--json"))["node"]["public_key"]
        )

    assert key() == "shared"
    with own.beating(0.5):
        until(lambda: key().startswith("ssh-ed25519 "), "the end of the shared key's right")


def test_an_impostor_of_an_imported_node_is_killed_by_the_registrys_word(fleet: Fleet) -> None:
    service = fleet.gateway.service(b"220 mail\r\n")
    port = fleet.gateway.port()
    fleet.imports("bank", port, service)
    old = fleet.device("bank", service, port=port)

    fleet.gateway.connect_unheard(old)

    assert "wrong" in fleet.gateway.await_event(EventKind.KILL, old).text


def test_what_was_seen_outlives_the_daemon(usual: Mode) -> None:
    with gateway_at(usual, policy=FAST) as gateway:
        fleet = Fleet(gateway)
        gateway.start_sshd()
        gateway.serve()
        device = fleet.up("lasting")
        until(lambda: "lasting" in fleet.unregistered(), "the device in the list")
        gateway.stop()
        assert fleet.says(device) == 0

        gateway.serve()

        gateway.connections[-1].freeze()
        gateway.await_event(EventKind.KILL, device)


def test_without_the_setting_there_is_no_shared_key(usual: Mode) -> None:
    with gateway_at(usual, policy=FAST) as gateway:
        gateway.up()

        assert b"reversi:*" not in gateway.layout.authorized_keys.read_bytes()
