"""sshd and daemon restart: tunnels live on, and hung ones are still found."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from checker.model import EventKind, Status
from tests.system.accounts import Mode
from tests.system.conftest import MODES
from tests.system.harness import Gateway, gateway_at
from tests.system.ports import accepts
from tests.system.seen import is_gone
from tests.system.services import LISTENER
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
LEAST_OF_A_LOGIN = 1500
"""The bytes of two host keys, two signatures and the key exchange."""


@pytest.fixture(params=MODES[1:])
def apart(request: pytest.FixtureRequest, mode_of: Callable[[str], Mode]) -> Iterator[Gateway]:
    """A gateway whose sshd runs beside a daemon that was just started."""
    with gateway_at(mode_of(request.param)) as found:
        found.start_sshd()
        found.serve()
        yield found


def test_after_a_restart_of_sshd_the_node_comes_back(apart: Gateway) -> None:
    device = apart.add(apart.service().target)
    connection = apart.connect(device)
    session = apart.await_up(device)

    apart.stop_sshd()
    assert connection.ended() != 0
    apart.probe(device)
    apart.await_status(device, Status.DOWN)
    apart.start_sshd()
    apart.connect(device)

    apart.await_up(device, after=session)


@pytest.mark.parametrize("ends", [Gateway.stop, Gateway.kill_daemon])
def test_a_new_daemon_knows_the_old_ones_tunnels_and_kills_those_that_hang(
    ordinary: Mode, ends: Callable[[Gateway], None]
) -> None:
    with gateway_at(ordinary) as gateway:
        gateway.start_sshd()
        gateway.serve()
        device = gateway.add(gateway.service().target)
        connection = gateway.connect(device)
        session = gateway.await_up(device)

        ends(gateway)
        assert connection.beat() == 0
        gateway.serve()
        assert gateway.probe(device) == "up"

        assert gateway.await_up(device) == session
        total = until(
            lambda: gateway.tunnel(device).bytes_total, "the bytes of the connection are known"
        )
        assert total > LEAST_OF_A_LOGIN
        gateway.hang(device, connection)
        assert is_gone(session)


def test_without_a_daemon_checks_claims_and_beats_are_answered(apart: Gateway) -> None:
    device = apart.add(apart.service().target)
    connection = apart.connect(device, "hold", "box")
    session = apart.await_up(device)
    apart.kill_daemon()

    assert device.verdict("check") == 0
    assert device.verdict("claim", "another") == 60
    assert device.ask("check", "1").returncode == 77
    assert device.ask("nonsense").returncode == 64
    assert connection.beat() == 0
    assert not is_gone(session)


def test_without_a_daemon_one_kill_ends_all_forwards_of_the_session(apart: Gateway) -> None:
    device = apart.add(apart.service().target, apart.service().target)
    apart.connect(device)
    session = apart.await_up(device)
    apart.await_up(device, 1)

    apart.kill_daemon()
    killed = apart.run("kill", device.node)

    first, second = device.ports
    assert killed.stdout.splitlines() == [
        f"{device.node}:{first}: sshd {session.pid} ended, port {first} is free",
        (
            f"{device.node}:{second}: sshd {session.pid} ended with another of its forwards,"
            f" port {second} is free"
        ),
    ]
    assert killed.returncode == 0
    assert [apart.tunnel(device, number).status for number in (0, 1)] == [Status.DOWN] * 2


def test_without_a_daemon_a_beat_ignores_a_port_that_another_program_also_holds(
    apart: Gateway,
) -> None:
    device = apart.add("127.0.0.1:9,banner:SSH-2.0", apart.service().target)
    apart.python_as(apart.mode.tunnel, LISTENER, "127.0.0.1", str(device.ports[0]), "")
    until(lambda: accepts(device.ports[0]), "it listens")
    connection = apart.connect(device)
    until(lambda: apart.probe(device, 1) == "up", "its other forward is up")

    apart.kill_daemon()
    (apart.layout.run / "_sweep").unlink()

    assert device.verdict("check") == 60
    assert connection.beat() == 0, "leaving would cost the forward that works, and free nothing"


def test_without_a_daemon_a_hung_tunnel_is_killed_by_the_nodes_own_check(apart: Gateway) -> None:
    device = apart.add(apart.service().target)
    connection = apart.connect(device)
    session = apart.await_up(device)
    apart.kill_daemon()

    connection.freeze()
    verdict = device.verdict("check")

    assert verdict == 1
    assert is_gone(session)
    apart.serve()
    assert "killed sshd process" in apart.await_event(EventKind.KILL, device).text


def test_without_a_daemon_the_same_instance_takes_its_port_over(apart: Gateway) -> None:
    device = apart.add(apart.service().target)
    connection = apart.connect(device, "hold", "box")
    session = apart.await_up(device)
    apart.kill_daemon()
    connection.freeze()

    assert device.verdict("claim", "box") == 0
    fresh = apart.connect(device, "hold", "box")

    assert fresh.beat() == 0
    assert is_gone(session)


def test_a_tunnel_opened_without_a_daemon_is_known_to_the_next_daemon(apart: Gateway) -> None:
    device = apart.add(apart.service().target)
    apart.kill_daemon()
    connection = apart.connect(device)
    connection.beat()

    apart.serve()
    session = apart.await_up(device)
    apart.hang(device, connection)

    until(lambda: is_gone(session), "the session ended")


def test_without_sweeps_a_beat_probes_each_forward(ordinary: Mode) -> None:
    with gateway_at(ordinary) as gateway:
        gateway.start_sshd()
        gateway.serve()
        device = gateway.add(gateway.service().target)
        connection = gateway.connect(device)
        gateway.await_up(device)
        gateway.kill_daemon()
        stopped_at = time.time()
        mark = gateway.layout.run / "_sweep"
        swept, limit = map(int, mark.read_text(encoding="ascii").split())
        mark.write_text(f"{swept - limit - 1} {limit}\n", encoding="ascii")

        def probed_by_a_beat() -> bool:
            assert connection.beat() == 0
            return (gateway.tunnel(device).probed_at or 0) > stopped_at

        until(probed_by_a_beat, "a beat probes")


def test_without_a_daemon_a_beating_tunnel_survives_a_target_that_accepts_nothing(
    apart: Gateway,
) -> None:
    """The client waits silently for its target; old bundles send no beat before the last is
    answered.
    """
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waits = stack.enter_context(socket.socket())
            waits.setblocking(False)
            waits.connect_ex(full.getsockname())
        device = apart.add(f"127.0.0.1:{full.getsockname()[1]},banner:SSH")
        connection = apart.connect(device)
        session = apart.await_status(device, Status.HUNG).session
        apart.kill_daemon()
        (apart.layout.run / "_sweep").unlink()

        for _ in range(3):
            assert connection.beat() == 0

        assert session is not None
        assert not is_gone(session)


def test_a_node_that_connects_without_a_daemon_ignores_an_older_verdict(
    apart: Gateway,
) -> None:
    device = apart.add(apart.service().target)
    earlier = apart.connect(device)
    apart.await_up(device)
    earlier.close()
    apart.await_status(device, Status.DOWN)
    until(
        lambda: (apart.layout.run / device.node).read_text(encoding="ascii") != "0\n",
        "the verdict is written",
    )
    apart.kill_daemon()

    connection = apart.connect(device)

    assert connection.beat() == 0


def test_tunnels_survive_a_killed_up(own_gateway: Gateway) -> None:
    own_gateway.up()
    device = own_gateway.add(own_gateway.service().target)
    connection = own_gateway.connect(device)
    session = own_gateway.await_up(device)

    own_gateway.kill_daemon()

    assert connection.beat() == 0
    assert not is_gone(session)
    until(lambda: not accepts(own_gateway.ssh_port), "its sshd ended with it")
    own_gateway.up()
    own_gateway.probe(device)
    assert own_gateway.await_up(device) == session


def test_stopping_up_ends_its_tunnels_and_nodes_come_back_to_the_next_up(
    own_gateway: Gateway,
) -> None:
    own_gateway.up()
    device = own_gateway.add(own_gateway.service().target)
    connection = own_gateway.connect(device)
    session = own_gateway.await_up(device)

    own_gateway.stop()
    assert connection.ended() != 0
    assert is_gone(session)
    own_gateway.up()
    own_gateway.connect(device)

    own_gateway.await_up(device, after=session)


def test_up_exits_when_its_sshd_exits(own_gateway: Gateway) -> None:
    own_gateway.up()
    assert own_gateway.daemon is not None
    (sshd,) = [
        child
        for child in psutil.Process(own_gateway.daemon.pid).children()
        if child.name() == "sshd"
    ]

    sshd.terminate()

    assert own_gateway.daemon.wait(150) == 2
    assert "sshd does not run" in own_gateway.log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_terminal_stops_up_cleanly(
    own_gateway: Gateway, number: signal.Signals
) -> None:
    words = own_gateway.words("up", "--ssh-port", str(own_gateway.ssh_port))
    options = own_gateway.spawn_options()
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0, **options
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready: ")

        os.killpg(process.pid, number)
        said = process.communicate(timeout=200)[1]

    assert (process.returncode, "error" in said) == (0, False), said
