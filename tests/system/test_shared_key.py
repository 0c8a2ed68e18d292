"""The shared key of the original's fleets: its devices are served, registered nodes protected."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from checker.model import EventKind, Status
from checker.registry.node_file import node_toml, read_node
from tests.system.accounts import Mode
from tests.system.clients import Device
from tests.system.fleet import Fleet
from tests.system.harness import FAST, gateway_at
from tests.system.ports import accepts
from tests.system.seen import is_gone
from tests.system.services import Stranger
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def test_a_device_that_names_itself_is_listed_as_unregistered(fleet: Fleet) -> None:
    device = fleet.up("stranger")

    listed = until(
        lambda: [one for one in fleet.status()["unregistered"] if one["node"] == "stranger"],
        "the device is listed",
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


def test_a_device_that_no_node_can_be_named_after_is_served_listed_and_adopted(
    fleet: Fleet,
) -> None:
    gateway, word = fleet.gateway, "Site_Office"
    service = gateway.service()
    device = fleet.device(word, service)
    name = f"site-office-{device.ports[0]}"
    gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0]), "the tunnel")

    assert fleet.says(device) == 0

    session = gateway.await_status(replace(device, node=name), Status.UP).session
    listed = until(
        lambda: [one for one in fleet.status()["unregistered"] if one["node"] == name],
        "the device is listed",
    )[0]
    assert (listed["calls_itself"], listed["port"]) == (word, device.ports[0])
    event = gateway.await_event(EventKind.REGISTRY, replace(device, node=name))
    assert "it calls itself Site_Office, which cannot name a node" in event.text
    assert f"calls itself {word}" in gateway.ok("node", "list")

    config = gateway.folder / "site.toml"
    target = ("--target", device.targets[0])
    gateway.ok("node", "adopt", word, *target, "--client-config", str(config))
    shown = json.loads(gateway.ok("node", "show", name, "--json"))["node"]
    assert shown["calls_itself"] == word
    assert fleet.says(device) == 0
    gateway.ok("node", "rename", name, "site")
    until(lambda: fleet.says(device) == 0, "the renamed node's device is answered")
    assert gateway.await_status(replace(device, node="site"), Status.UP).session == session
    other = fleet.device("Other", service, port=device.ports[0])
    assert other.ask("Other", str(device.ports[0])).returncode == 77


def test_invented_names_for_free_ports_leave_nothing(fleet: Fleet) -> None:
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
        pytest.param("office 22 SSH", 77, id="port-out-of-range"),
        pytest.param(f"{'x' * 65} {{port}} SSH", 64, id="long-name"),
        pytest.param("Roof Top {port} SSH", 64, id="space-in-name"),
    ],
)
def test_only_the_originals_request_for_ports_of_the_range_is_answered(
    fleet: Fleet, words: str, status: int
) -> None:
    device = fleet.device("words", fleet.gateway.service())

    done = device.ask(words.format(port=device.ports[0]))

    assert (done.returncode, done.stdout) == (status, "0\n")
    assert done.stderr.startswith("reversi: ")


def test_a_hung_tunnel_is_killed_when_its_device_asks(fleet: Fleet) -> None:
    device = fleet.device("hanging", fleet.gateway.service())
    connection = fleet.gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0]), "the tunnel is open")
    assert fleet.says(device) == 0
    session = fleet.session(device)
    connection.freeze()

    verdict = fleet.says(device)

    assert 1 <= verdict <= 2
    until(lambda: is_gone(session), "the session ends")
    assert not accepts(device.ports[0])


def test_the_sweep_frees_an_unregistered_port_that_nobody_asks_about(fleet: Fleet) -> None:
    device = fleet.device("silent", fleet.gateway.service())
    connection = fleet.gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0]), "the tunnel is open")
    assert fleet.says(device) == 0
    session = fleet.session(device)

    connection.freeze()

    until(lambda: is_gone(session), "the session ends")
    assert fleet.gateway.await_event(EventKind.KILL, device).actor == "daemon"


def test_an_unexpected_response_counts_as_an_impostor_and_is_killed(fleet: Fleet) -> None:
    device = fleet.device("impostor", fleet.gateway.service(b"220 mail\r\n"))
    fleet.gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0]), "the tunnel is open")

    verdict = fleet.says(device)

    assert 1 <= verdict <= 2
    assert "wrong" in fleet.gateway.await_event(EventKind.KILL, device).text


def test_a_healthy_tunnel_that_expects_null_is_never_killed(fleet: Fleet) -> None:
    # like a web server, it does not speak first
    device = fleet.device("nulldev", fleet.gateway.service(b""))
    fleet.gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0]), "the tunnel is open")

    verdicts = [fleet.says(device, "NULL") for _ in range(3)]

    assert verdicts == [0, 0, 0]
    assert fleet.gateway.await_status(device, Status.UP).kills == 0


def test_an_operator_kills_an_unregistered_tunnel_too(fleet: Fleet) -> None:
    device = fleet.up("unwanted")
    session = fleet.session(device)
    until(lambda: "unwanted" in fleet.unregistered(), "the device is listed")

    fleet.gateway.ok("kill", "--yes", str(device.ports[0]))

    assert is_gone(session)


def test_a_second_name_for_a_port_does_not_replace_the_first(fleet: Fleet) -> None:
    device = fleet.up("first")
    session = fleet.session(device)

    assert device.verdict("second", str(device.ports[0]), "HTTP/1.1") == 0

    until(
        lambda: [
            e for e in fleet.gateway.events(device) if "do two devices use one port?" in e.text
        ],
        "the event is logged",
    )
    assert fleet.session(device) == session
    assert "second" not in fleet.unregistered()


def test_a_foreign_process_on_the_port_is_left_alone(fleet: Fleet) -> None:
    device = fleet.device("foreign", fleet.gateway.service())
    stranger = Stranger(device.ports[0], banner="220 not SSH")
    try:
        assert fleet.says(device) == 60

        assert stranger.lives
        assert "foreign" not in fleet.unregistered()
    finally:
        stranger.close()


def test_the_shared_key_cannot_listen_on_a_registered_nodes_port(fleet: Fleet) -> None:
    port = next(fleet.free)
    config = fleet.gateway.folder / "owner.toml"
    fleet.gateway.ok(
        "node", "add", "owner", "--forward", f"{port}=127.0.0.1:9", "--client-config", str(config)
    )
    thief = fleet.device("thief", fleet.gateway.service(), port=port)

    done = thief.ask("thief", str(port), options=("-R", f"{port}:127.0.0.1:9"))

    assert done.returncode == 255


@pytest.mark.parametrize("name", ["victim", "thief"])
def test_the_shared_key_cannot_get_a_registered_nodes_tunnel_killed(
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
    """The node moved a forward off a port of the shared key's range, and still listens there."""
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

    until(lambda: not refused_as_registered(), "the port leaves the registry")
    assert thief.verdict(thief.node, str(port), "HTTP") == 60

    assert fleet.gateway.await_up(mover) == session


def test_unregistered_devices_survive_a_restart_of_the_daemon(usual: Mode) -> None:
    with gateway_at(usual, policy=FAST) as gateway:
        fleet = Fleet(gateway)
        gateway.start_sshd()
        gateway.serve()
        device = fleet.up("lasting")
        until(lambda: "lasting" in fleet.unregistered(), "the device is listed")
        gateway.stop()
        assert fleet.says(device) == 0

        gateway.serve()

        gateway.connections[-1].freeze()
        gateway.await_event(EventKind.KILL, device)


def test_without_the_setting_no_shared_key_is_written(usual: Mode) -> None:
    with gateway_at(usual, policy=FAST) as gateway:
        gateway.up()

        assert b"reversi:*" not in gateway.layout.authorized_keys.read_bytes()
