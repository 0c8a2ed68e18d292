"""A node's requests, their answers, and what a node may not do."""

from __future__ import annotations

import time

import pytest

from checker import __version__
from checker.model import EventKind, Status
from checker.wire import PROTOCOL
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


@pytest.fixture(scope="module")
def device(gateway: Gateway) -> Device:
    """A node whose tunnel is up."""
    found = gateway.add(gateway.service().target, name="office")
    gateway.connect(found, "hold", "main")
    gateway.await_up(found)
    return found


@pytest.mark.parametrize(
    "request_words",
    [
        pytest.param("check", id="check"),
        pytest.param("check {port}", id="check-port"),
        pytest.param("office {port} SSH-2.0", id="original"),
        pytest.param("office {port}", id="original-without-banner"),
        pytest.param("office {port} SSH-2.0 with spaces", id="original-many-words"),
    ],
)
def test_a_healthy_node_gets_verdict_zero(device: Device, request_words: str) -> None:
    done = device.ask(request_words.format(port=device.ports[0]))

    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_version_names_protocol_and_product(device: Device) -> None:
    assert device.ask("version").stdout == f"{PROTOCOL} {__version__}\n"


def test_the_originals_banner_is_expected_if_the_registry_expects_nothing(gateway: Gateway) -> None:
    service = gateway.service(b"220 other\r\n")
    device = gateway.add(f"127.0.0.1:{service.port},open")
    gateway.connect(device)
    gateway.await_up(device)

    assert device.verdict(device.node, str(device.ports[0]), "SSH-2.0") == 0

    assert gateway.await_status(device, Status.WRONG).kills == 0


def test_each_beat_is_answered(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)

    answers = [connection.beat() for _ in range(5)]

    assert answers == [0] * 5
    gateway.await_up(device)
    assert gateway.tunnel(device).checked_at is not None


def test_a_beat_updates_the_time_when_the_node_was_seen(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    gateway.await_up(device)
    begun = time.time()

    connection.beat()
    gateway.probe(device)

    until(
        lambda: (gateway.tunnel(device).checked_at or 0) >= begun - 1,
        "the time of the beat is recorded",
    )


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("", id="nothing"),
        pytest.param("ls -l /", id="command"),
        pytest.param("check all", id="no-port"),
        pytest.param("check 70000", id="port-too-big"),
        pytest.param("claim", id="no-instance"),
        pytest.param("hold a b c", id="three-words"),
        pytest.param("hold ../x", id="bad-instance"),
        pytest.param("check; id", id="shell"),
        pytest.param("check " + "1 " * 3000, id="too-long"),
        pytest.param("sch\u00f6n \x1b[31m", id="unprintable"),
    ],
)
def test_a_malformed_request_is_refused_with_64(
    gateway: Gateway, device: Device, words: str
) -> None:
    done = device.ask(*([words] if words else []))

    assert (done.returncode, done.stdout) == (64, "0\n")
    assert done.stderr.startswith("reversi: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.isascii()
    until(lambda: gateway.events(device, EventKind.REFUSED), "the event")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param("check 1", "port 1 is not a port of node office", id="port"),
        pytest.param("check {other}", "is not a port of node office", id="port-of-another"),
        pytest.param("office {other} SSH", "is not a port of node office", id="original-port"),
        pytest.param(
            "neighbour {other} SSH",
            "this key belongs to node office, not to neighbour",
            id="original-name",
        ),
    ],
)
def test_a_request_for_what_is_not_the_nodes_is_refused_with_77(
    gateway: Gateway, device: Device, words: str, says: str
) -> None:
    other = gateway.add("127.0.0.1:9", name=f"neighbour{gateway.names}").ports[0]

    done = device.ask(words.format(other=other))

    assert (done.returncode, done.stdout) == (77, "0\n")
    assert says in done.stderr
    event = until(
        lambda: [e for e in gateway.events(device, EventKind.REFUSED) if says in e.text],
        "the event",
    )[-1]
    assert event.actor == "node office"


def test_a_node_cannot_listen_on_another_nodes_port(gateway: Gateway, device: Device) -> None:
    other = gateway.add(gateway.service().target)

    done = device.ask("hold", "thief", options=("-R", f"{other.ports[0]}:127.0.0.1:9"))

    assert done.returncode == 255
    assert gateway.await_status(other, Status.DOWN).session is None


@pytest.mark.parametrize(
    "option",
    [
        pytest.param("-R*:{port}:127.0.0.1:9", id="wildcard-address"),
        pytest.param("-R/tmp/reversi.sock:127.0.0.1:9", id="unix-socket"),
        pytest.param("-R0:127.0.0.1:9", id="any-port"),
    ],
)
def test_a_node_can_listen_only_on_its_own_port_of_the_loopback(
    gateway: Gateway, option: str
) -> None:
    device = gateway.add(gateway.service().target)

    done = device.ask("hold", "thief", options=(option.format(port=device.ports[0]),))

    assert done.returncode == 255


def test_a_terminal_is_refused(device: Device) -> None:
    done = device.ask("version", options=("-tt",))

    assert "PTY allocation request failed" in done.stderr


def test_a_node_cannot_reach_the_gateways_network(gateway: Gateway, device: Device) -> None:
    done = device.ask("version", options=("-W", f"127.0.0.1:{gateway.ssh_port}"))

    assert done.returncode == 255
    assert "SSH-2.0" not in done.stdout


def test_a_node_cannot_copy_files(device: Device) -> None:
    done = device.ask("sftp", options=("-s",))

    assert done.returncode == 255
    assert "subsystem request failed" in done.stderr


def test_the_same_instance_takes_its_stale_port_over_at_once(each_gateway: Gateway) -> None:
    device = each_gateway.add(each_gateway.service().target)
    stale = each_gateway.connect(device, "hold", "box-1")
    session = each_gateway.await_up(device)
    each_gateway.await_registered(device)
    stale.freeze()

    verdict = device.verdict("claim", "box-1")

    assert verdict == 0
    assert is_gone(session)
    fresh = each_gateway.connect(device, "hold", "box-1")
    assert fresh.beat() == 0
    each_gateway.await_up(device, after=session)
    assert (
        "claimed by a new connection of the same instance"
        in each_gateway.await_event(EventKind.KILL, device).text
    )


def test_a_second_device_with_the_same_key_waits_and_the_first_stays_up(
    each_gateway: Gateway,
) -> None:
    device = each_gateway.add(each_gateway.service().target)
    first = each_gateway.connect(device, "hold", "first")
    session = each_gateway.await_up(device)
    each_gateway.await_registered(device)

    assert device.verdict("claim", "second") == 10
    newcomer = device.ask("hold", "second", options=device.forwards())

    assert newcomer.returncode == 255
    bare = device.ask("hold", "second")
    assert (bare.returncode, bare.stdout) == (77, "")
    assert each_gateway.await_event(EventKind.CLONE, device).text.startswith("instance second from")
    assert first.beat() == 0
    assert each_gateway.await_up(device) == session


def test_a_second_device_may_take_the_port_of_a_hung_first(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    first = gateway.connect(device, "hold", "first")
    session = gateway.await_up(device)
    first.freeze()

    # 10: it is not clear yet whether the first one lives
    until(lambda: device.verdict("claim", "second") in (0, 1), "its way is free")

    assert is_gone(session)


def test_a_flapping_node_waits_longer_each_time_until_it_is_reset(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    verdicts = []
    session = None
    for _ in range(3):
        connection = gateway.connect(device)
        session = gateway.await_up(device, after=session)
        connection.vanish()
        verdicts.append(until(lambda: device.verdict("check"), "the loss is seen"))

    gateway.ok("reset", device.node)
    after_reset = device.verdict("check")
    connection = gateway.connect(device)
    gateway.await_up(device, after=session)
    connection.vanish()

    assert verdicts == [1, 2, 4]
    assert after_reset == 1
    assert until(lambda: device.verdict("check"), "the loss is seen") == 1
