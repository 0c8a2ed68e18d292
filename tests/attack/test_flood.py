"""Floods with a stolen key: the gateway puts the thief off, and serves everybody else.

No test measures time: a flood goes on until everybody else has been answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, closing

import asyncssh
import pytest

from checker.control.client import Control
from checker.model import EventKind, ProcessId
from checker.state.beats import beat_file
from checker.tunnels.gateway import REFUSALS
from checker.tunnels.rate_limits import HELD_AT_ONCE, TELL_EVERY_S, Limit
from checker.wire import TRY_LATER, Asked
from tests.attack.thief import break_in, refusals_logged, refused_event, say
from tests.gate_message import gate_message
from tests.system.accounts import Mode
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway, gateway_at
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
LIMIT = Limit(a_minute=60)
SLOW = "probe_every_s = 60\ndeadline_s = 1\nstrike_gap_s = 0.5\nrequests_a_minute = 60\n"


@pytest.fixture(scope="module")
def gateway(usual: Mode) -> Iterator[Gateway]:
    """A gateway started by `up`, with a limit that is soon reached."""
    with gateway_at(usual, policy=SLOW) as found:
        found.up()
        yield found


class Other:
    """A node whose tunnel must live through a flood."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.device = gateway.add(gateway.service().target)
        self.connection = gateway.connect(self.device)
        self.session = gateway.await_up(self.device)

    def goes_on(self) -> None:
        """Check that node and operator are still answered, and that its tunnel is the same."""
        assert self.connection.beat() == 0
        assert self.device.verdict("check") == 0
        assert Control(layout=self.gateway.layout).daemon_pid() is not None
        assert self.gateway.probe(self.device) == "up"
        found = self.gateway.tunnel(self.device)
        assert (found.session, found.kills) == (self.session, 0)


@pytest.fixture(scope="module")
def other(gateway: Gateway) -> Other:
    return Other(gateway)


async def test_a_flood_of_checks_is_put_off(gateway: Gateway, other: Other) -> None:
    device = gateway.add("127.0.0.1:9")
    answers: list[tuple[int | None, str, str]] = []
    over = asyncio.Event()
    began = time.monotonic()

    async def ask(connection: asyncssh.SSHClientConnection) -> None:
        while not (over.is_set() and len(answers) > LIMIT.burst * 2):
            # sshd limits sessions, and counts those that just ended
            with contextlib.suppress(asyncssh.ChannelOpenError):
                answers.append(await say(connection, "check"))

    async with break_in(device) as connection, asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(ask(connection))
        await asyncio.to_thread(other.goes_on)
        over.set()

    put_off = [answer for answer in answers if answer[0] == TRY_LATER]
    assert {answer[0] for answer in answers} == {0, TRY_LATER}
    assert put_off
    assert set(put_off) == {
        (TRY_LATER, "0\n", "reversi: more than 60 requests a minute; ask less often\n")
    }
    refused_event(gateway, device, "requests a minute")
    most = 1 + (time.monotonic() - began) // TELL_EVERY_S  # a busy machine takes longer
    assert 1 <= len(gateway.events(device, EventKind.REFUSED)) <= most


async def test_a_flood_of_malformed_requests_is_put_off_and_does_not_fill_the_log(
    gateway: Gateway, other: Other
) -> None:
    device = gateway.add("127.0.0.1:9")
    answers: list[int | None] = []

    async def ask(connection: asyncssh.SSHClientConnection) -> None:
        while len(answers) < LIMIT.burst + 20 or TRY_LATER not in answers:
            with contextlib.suppress(asyncssh.ChannelOpenError):
                answers.append((await say(connection, f"nonsense {len(answers)}"))[0])

    async with break_in(device) as connection, asyncio.TaskGroup() as group:
        for _ in range(8):  # one after the other would be no flood on a busy machine
            group.create_task(ask(connection))
    other.goes_on()

    assert answers[0] == 64
    assert TRY_LATER in answers
    refused_event(gateway, device, "requests a minute")
    assert len(gateway.events(device, EventKind.REFUSED)) < len(answers)


async def test_a_flood_that_sshd_refuses_neither_fills_the_log_nor_hides_others(
    gateway: Gateway, other: Other
) -> None:
    device = gateway.add("127.0.0.1:9")
    quiet = gateway.add("127.0.0.1:9")
    over = asyncio.Event()
    refused = 0
    began = time.monotonic()

    async def ask(connection: asyncssh.SSHClientConnection) -> None:
        nonlocal refused
        while not over.is_set() or refused <= 2 * REFUSALS.burst:
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_connection("10.0.0.1", 80)
            refused += 1

    async with break_in(device) as connection, asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(ask(connection))
        await asyncio.to_thread(other.goes_on)
        over.set()
    with refusals_logged(gateway, quiet, "sshd refused a connection to 10.0.0.2 port 80,"):
        async with break_in(quiet) as connection:
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_connection("10.0.0.2", 80)

    minutes = 1 + (time.monotonic() - began) / 60
    found = len(gateway.events(device, EventKind.REFUSED))
    assert REFUSALS.burst <= found < REFUSALS.burst + REFUSALS.a_minute * minutes


def test_the_number_of_requests_in_progress_is_limited(gateway: Gateway, other: Other) -> None:
    device = gateway.add(gateway.service(b"").target)
    gateway.connect(device)
    until(lambda: gateway.tunnel(device).checked_at, "its hold")
    message = gate_message(Asked(node=device.node, peer="", command="check"))

    with ExitStack() as stack:
        peers = [
            stack.enter_context(closing(socket.socket(socket.AF_UNIX)))
            for _ in range(LIMIT.at_once + 4)
        ]
        for peer in peers:
            peer.settimeout(150)
            peer.connect(str(gateway.layout.socket))
            peer.sendall(message)
            peer.shutdown(socket.SHUT_WR)
        other.goes_on()
        answers = [heard(peer) for peer in peers]

    put_off = [answer for answer in answers if answer[1] == str(TRY_LATER)]
    assert len(put_off) >= 4, "a beat may be under way, too"
    why = f"{LIMIT.at_once} requests of this node are under way already; wait for their answers"
    assert all(answer[2:4] == ["0", why] for answer in put_off)


def heard(peer: socket.socket) -> list[str]:
    """The lines of the daemon's whole answer."""
    answer = b""
    while part := peer.recv(4096):
        answer += part
    return answer.decode().split("\n")


def test_connections_before_login_keep_nobody_out(gateway: Gateway, other: Other) -> None:
    device = gateway.add(gateway.service().target)

    with ExitStack() as stack:
        # below the start of MaxStartups: that limit is sshd's own, and applies before any key
        for _ in range(60):
            stack.enter_context(closing(socket.create_connection((gateway.host, gateway.ssh_port))))
        other.goes_on()
        gateway.connect(device)
        gateway.await_up(device)


async def test_idle_connections_after_login_keep_nobody_out(gateway: Gateway, other: Other) -> None:
    device = gateway.add("127.0.0.1:9")

    async with AsyncExitStack() as stack:
        for _ in range(12):
            await stack.enter_async_context(break_in(device))
        await asyncio.to_thread(other.goes_on)


async def test_the_connections_of_one_key_are_limited_and_its_tunnel_is_still_accepted(
    gateway: Gateway, other: Other
) -> None:
    device = gateway.add(gateway.service().target)

    async with AsyncExitStack() as stack:
        for _ in range(HELD_AT_ONCE):
            connection = await stack.enter_async_context(break_in(device))
            process = await connection.create_process("hold thief")
            process.stdin.write("\n")
            # it has no port, and a sweep may have seen that
            assert await process.stdout.readline() in ("0\n", "1\n")
        last = await stack.enter_async_context(break_in(device))
        assert await say(last, "hold thief") == (
            TRY_LATER,
            "",
            f"reversi: {HELD_AT_ONCE} connections of node {device.node} are held already\n",
        )
        await asyncio.to_thread(refused_event, gateway, device, "are held already")
        tunnel = await asyncio.to_thread(gateway.connect, device, "hold", "owner")
        assert await asyncio.to_thread(tunnel.beat) == 0
        await asyncio.to_thread(gateway.await_up, device)
        await asyncio.to_thread(other.goes_on)


async def test_the_sessions_of_one_connection_are_limited(gateway: Gateway) -> None:
    device = gateway.add("127.0.0.1:9")

    async with break_in(device) as connection:
        for _ in range(10):
            await connection.create_process("hold thief")
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("hold thief")


def with_holder(gateway: Gateway, device: Device) -> tuple[Connection, ProcessId]:
    """Start the device's tunnel, and wait for the session that carries it."""
    connection = gateway.connect(device)
    return connection, gateway.await_up(device)


def test_a_hold_that_never_beats_is_treated_like_any_tunnel(gateway: Gateway, other: Other) -> None:
    device = gateway.add(gateway.service().target)
    connection, session = with_holder(gateway, device)

    said = gateway.hang(device, connection)

    assert is_gone(session), (said, gateway.events(device), gateway.log()[-2000:])
    assert gateway.await_event(EventKind.KILL, device).node == device.node
    other.goes_on()


def test_a_client_that_never_reads_harms_nobody_and_its_loop_ends_with_it(
    gateway: Gateway, other: Other
) -> None:
    device = gateway.add(gateway.service().target)
    connection, session = with_holder(gateway, device)
    assert connection.process.stdin is not None
    connection.process.stdin.write(b"\n" * 60_000)
    connection.process.stdin.flush()
    beats = beat_file(gateway.layout.spool, session)
    until(beats.exists, "its first beat")

    other.goes_on()
    connection.vanish()

    until(lambda: is_gone(session), "its session's end")
    until(lambda: not beats.exists(), "its loop's end")
    other.goes_on()
