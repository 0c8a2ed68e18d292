"""What an operator does, with a daemon and without."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest

from checker.control.client import Control
from checker.linux.sockets import read_listeners
from checker.model import Aim, EventKind, NodeName, Port, ProcessId, Status, Verb
from checker.sshd.kill import Spared, end_session
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.seen import is_gone

pytestmark = pytest.mark.sshd


def aim_at(device: Device, session: ProcessId | None) -> Aim:
    return Aim(node=NodeName(device.node), port=Port(device.ports[0]), session=session)


@pytest.mark.parametrize("verb", ["kill", "reset"])
def test_an_operator_kills_a_tunnel(gateway: Gateway, verb: str) -> None:
    device = gateway.add(gateway.service().target)
    gateway.connect(device)
    session = gateway.await_up(device)

    said = json.loads(gateway.ok(verb, device.node, "--json"))

    assert said["schema"] == 1
    assert said["verb"] == verb
    (outcome,) = said["outcomes"]
    assert (outcome["node"], outcome["port"], outcome["done"]) == (
        device.node,
        device.ports[0],
        True,
    )
    assert outcome["sentence"].startswith(
        f"sshd {session.pid} ended, port {device.ports[0]} is free"
    )
    assert is_gone(session)
    event = gateway.await_event(EventKind.KILL, device)
    assert event.actor == gateway.mode.runner.name
    assert f"asked for by {gateway.mode.runner.name}" in event.text


def test_a_dry_run_says_what_it_would_do_and_does_nothing(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    session = gateway.await_up(device)

    said = gateway.ok("kill", device.node, "--dry-run")

    assert "would kill" in said
    assert f"{device.node}:{device.ports[0]}" in said
    assert not is_gone(session)
    assert connection.lives


def test_probe_prints_what_it_sees(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target, "127.0.0.1:9,banner:SSH-2.0")
    gateway.connect(device)
    gateway.await_up(device)

    done = gateway.run("probe", device.node)

    first, second = done.stdout.splitlines()
    assert first == f"{device.node}:{device.ports[0]}: up"
    assert second.startswith(f"{device.node}:{device.ports[1]}: refused: ")
    assert done.returncode == 1
    assert gateway.run("probe", str(device.ports[0])).returncode == 0


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"start_ticks": 1}, id="pid-reused"),
        pytest.param({"pid": 1}, id="another-process"),
    ],
)
def test_a_process_other_than_the_one_seen_is_left_alone(
    gateway: Gateway, other: dict[str, int]
) -> None:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    session = gateway.await_up(device)

    (outcome,) = Control(layout=gateway.layout).act(
        Verb.KILL, [aim_at(device, replace(session, **other))]
    )

    assert not outcome.done
    assert "held by another process now" in outcome.sentence
    assert not is_gone(session)
    assert connection.beat() == 0


async def test_a_reused_pid_is_never_signalled(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    gateway.connect(device)
    session = await asyncio.to_thread(gateway.await_up, device)
    port = Port(device.ports[0])
    inodes = frozenset(listener.inode for listener in read_listeners()[port])

    ending = await end_session(
        replace(session, start_ticks=session.start_ticks - 1), port, gateway.mode.tunnel.uid, inodes
    )

    assert ending == Spared(f"process {session.pid} is not the one that was seen: it has ended")
    assert not is_gone(session)


async def test_a_session_that_does_not_hold_the_port_is_never_signalled(gateway: Gateway) -> None:
    if not gateway.mode.is_privileged:
        pytest.skip("only root sees the sockets of an sshd session")
    mine, other = gateway.add(gateway.service().target), gateway.add(gateway.service().target)
    gateway.connect(mine)
    gateway.connect(other)
    session = await asyncio.to_thread(gateway.await_up, mine)
    await asyncio.to_thread(gateway.await_up, other)
    port = Port(other.ports[0])
    inodes = frozenset(listener.inode for listener in read_listeners()[port])

    ending = await end_session(session, port, gateway.mode.tunnel.uid, inodes)

    assert ending == Spared(f"process {session.pid} does not hold the port")
    assert not is_gone(session)


def test_status_is_one_document(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    gateway.connect(device)
    session = gateway.await_up(device)

    document = json.loads(gateway.ok("status", "--json", device.node))

    assert document["schema"] == 1
    assert abs(document["now"] - time.time()) < 60
    (tunnel,) = document["tunnels"]
    assert set(tunnel) == {
        "node",
        "calls_itself",
        "tags",
        "note",
        "port",
        "target",
        "expect",
        "status",
        "detail",
        "latency_ms",
        "pid",
        "peer",
        "since",
        "probed_at",
        "checked_at",
        "failures",
        "kills",
    }
    assert (tunnel["node"], tunnel["port"], tunnel["status"], tunnel["pid"]) == (
        device.node,
        device.ports[0],
        "up",
        session.pid,
    )
    assert tunnel["target"] == device.targets[0]


def test_the_log_can_be_followed(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    follower = gateway.spawn("log", "--follow", "--json", "--node", device.node)
    gateway.connect(device)

    assert follower.stdout is not None
    event = json.loads(follower.stdout.readline())["event"]

    assert event["node"] == device.node


@pytest.mark.parametrize("verb", ["kill", "reset", "probe"])
def test_an_operator_acts_without_a_daemon(own_gateway: Gateway, verb: str) -> None:
    own_gateway.start_sshd()
    own_gateway.serve()
    device = own_gateway.add(own_gateway.service().target)
    own_gateway.connect(device)
    session = own_gateway.await_up(device)
    own_gateway.kill_daemon()

    own_gateway.ok(verb, device.node)

    assert is_gone(session) is (verb != "probe")
    assert own_gateway.tunnel(device).status is (Status.UP if verb == "probe" else Status.DOWN)
