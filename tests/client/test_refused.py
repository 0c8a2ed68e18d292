"""Gateways that refuse connections: how long the client waits, and what a limiting firewall does.

The firewall is `ufw limit`: it refuses the sixth new connection of an address within 30 s, and
counts what it refuses, twice. Source: ufw's user.rules, and recent_mt in the kernel's xt_recent.c.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import asyncssh
import pytest

from client import words
from client.addresses import race
from client.config import Address
from client.login import Dialer, Owner, Refusal
from client.machine import Machine
from client.pace import Limits
from client.words import Failure, State
from tests.client import samples
from tests.client.life import PORTS, Life

OUTAGE_S = 20.0
MULTICAST = "224.0.0.1"
"""No TCP connection can be made to it: the kernel says at once that the network is unreachable."""


class UfwLimit:
    """The firewall's memory of one address."""

    def __init__(self) -> None:
        self.stamps: deque[float] = deque(maxlen=32)

    def accepts(self, now_s: float) -> bool:
        self.stamps.append(now_s)
        if sum(stamp > now_s - 30 for stamp in self.stamps) < 6:
            return True
        self.stamps.append(now_s)
        return False


class Device:
    """A client with one gateway, behind the address that it shares with others."""

    def __init__(self, uniform: random.Random) -> None:
        config = replace(samples.config(), gateways=(Address(host="gw", port=22),))
        self.machine = Machine(config, uniform.uniform)

    def step(self, now_s: float, *, is_accepted: bool | None = None) -> tuple[words.Action, ...]:
        """Handle a tick, or the outcome of a connection."""
        event: words.Event = words.Tick()
        number = self.machine.connection
        if is_accepted is False:
            event = words.Failed(connection=number, failure=Failure.REFUSED, reason="refused")
        elif is_accepted:
            for event in (
                words.Connected(connection=number),
                words.Claimed(connection=number, wait_s=0),
                words.Listened(connection=number, listening=PORTS, denied=frozenset()),
            ):
                self.machine.handle(event, words.Moment(monotonic_s=now_s, wall_s=now_s))
            event = words.Answered(connection=number, wait_s=0)
        return self.machine.handle(event, words.Moment(monotonic_s=now_s, wall_s=now_s))


def seconds_until_all_are_up(count: int, seed: int) -> float:
    """Simulate an outage that ends all tunnels, and the firewall after it."""
    firewall, chance = UfwLimit(), random.Random(seed)
    due = [(chance.random(), number) for number in range(count)]
    heapq.heapify(due)
    devices = [Device(chance) for _ in due]
    while due:
        now_s, number = heapq.heappop(due)
        device = devices[number]
        actions = device.step(now_s)
        if any(isinstance(action, words.Connect) for action in actions):
            is_accepted = firewall.accepts(now_s) and now_s > OUTAGE_S
            device.step(now_s, is_accepted=is_accepted)
        if device.machine.view().state is not State.UP:
            heapq.heappush(due, (max(device.machine.due_s, now_s + 0.001), number))
        assert now_s < 7200, f"not all are up after {now_s:.0f} s"
    return now_s - OUTAGE_S


@pytest.mark.parametrize(("count", "most_s"), [(3, 120), (6, 600)])
def test_clients_behind_a_limited_address_all_come_up(count: int, most_s: int) -> None:
    found = sorted(seconds_until_all_are_up(count, seed) for seed in range(20))

    assert found[-1] < most_s


def test_refused_connections_back_off_to_a_minute_and_never_below_half_of_it() -> None:
    for fraction, last_s in ((0.01, 30.3), (0.5, 45.0), (1.0, 60.0)):
        life = Life(fraction)
        life.start()
        waits = []
        for _ in range(12):
            life.fail(Failure.REFUSED)
            life.fail(Failure.REFUSED)
            waits.append(life.until_connect())

        assert waits[:4] == [pytest.approx(fraction * top, abs=0.01) for top in (1, 2, 4, 8)]
        assert waits[-1] == pytest.approx(last_s, abs=0.01)


def test_a_gateway_that_fails_otherwise_keeps_the_shorter_wait() -> None:
    for failure in (Failure.UNREACHABLE, Failure.SILENT):
        life = Life(1.0)
        life.start()
        for _ in range(12):
            life.fail(Failure.REFUSED)
            life.fail(failure)
            last_s = life.until_connect()

        assert last_s == pytest.approx(15.0, abs=0.01)


def test_a_tunnel_of_a_minute_starts_again_from_the_shortest_wait() -> None:
    life = Life(1.0)
    life.start()
    for _ in range(12):
        life.fail(Failure.REFUSED)
        life.fail(Failure.REFUSED)
        life.until_connect()
    life.come_up()
    life.live(61)
    life.lose()

    assert life.until_connect() <= 0.5


def test_a_clock_jump_ends_the_wait_of_a_refused_client() -> None:
    life = Life(1.0)
    life.start()
    for _ in range(12):
        life.until_connect() if life.machine.deadline_s > life.now_s else None
        life.fail(Failure.REFUSED)
        life.fail(Failure.REFUSED)
    life.wall_s += 100

    assert isinstance(life.handle(words.Tick())[-1], words.Connect)


async def failure_at(port: int, host: str = "127.0.0.1", banner_s: float = 5.0) -> Refusal:
    address = Address(host=host, port=port)
    options = asyncssh.SSHClientConnectionOptions(config=None, known_hosts=None)
    dialer = Dialer({address: options})
    limits = Limits(connect_s=0.5, banner_s=banner_s, login_s=5.0)
    outcome = await dialer.dial(address, limits, Owner)
    assert isinstance(outcome, Refusal)
    return outcome


async def test_a_closed_port_and_a_silent_one_are_refusals() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            silent = await failure_at(port)
    closed = await failure_at(port)

    assert silent == Refusal(failure=Failure.SILENT, reason="no connection within 0.5 s")
    assert closed == Refusal(failure=Failure.REFUSED, reason="connection refused")


Answer = Callable[[StreamReader, StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def gateway_that(answers: Answer) -> AsyncIterator[int]:
    """Run a TCP server, and yield its port."""

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await answers(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def closes(_reader: StreamReader, _writer: StreamWriter) -> None:
    """Close at once."""


async def resets(_reader: StreamReader, writer: StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def says_that_it_is_full(_reader: StreamReader, writer: StreamWriter) -> None:
    """As sshd does at MaxStartups."""
    writer.write(b"Exceeded MaxStartups\r\n")


async def greets(_reader: StreamReader, writer: StreamWriter) -> None:
    writer.write(b"SSH-2.0-Any\r\n")


async def waits(reader: StreamReader, _writer: StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        pytest.param(closes, Failure.BUSY, id="closed"),
        pytest.param(resets, Failure.BUSY, id="reset"),
        pytest.param(says_that_it_is_full, Failure.BUSY, id="after a line"),
        pytest.param(greets, Failure.UNREACHABLE, id="after the banner"),
    ],
)
async def test_only_a_connection_closed_before_the_banner_means_busy(
    answer: Answer, failure: Failure
) -> None:
    async with gateway_that(answer) as port:
        found = await failure_at(port)

    assert found.failure is failure


async def test_a_gateway_without_a_banner_is_left_before_the_login_times_out() -> None:
    async with gateway_that(waits) as port:
        found = await failure_at(port, banner_s=0.2)

    assert found == Refusal(failure=Failure.SLOW, reason="no SSH banner within 0.2 s")


async def test_a_refusal_outweighs_an_address_that_no_network_reaches() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ConnectionRefusedError):
        await race(["127.0.0.1", MULTICAST], port, 0.1)
