"""What the kernel reports about connections, read from this process's own.

Listeners are in test_listeners.py.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.config.settings import Config, current_user
from checker.linux.sockets import flows
from checker.model import Flow, NodeName, Port, ProcessId, Registration, Tunnel
from checker.state.ledger import Ledger
from checker.tunnels.watch import Watcher

SENT, SENT_BACK = 100_000, 30_000
FAMILIES = [
    pytest.param(socket.AF_INET, "127.0.0.1", "127.0.0.1", "127.0.0.1:{}", id="IPv4"),
    pytest.param(socket.AF_INET6, "::1", "::1", "[::1]:{}", id="IPv6"),
    pytest.param(
        socket.AF_INET6,
        "::ffff:127.0.0.1",
        "127.0.0.1",
        "127.0.0.1:{}",
        id="IPv4 to a socket of IPv6",
    ),
]


def exactly(sock: socket.socket, count: int) -> None:
    while count:
        part = sock.recv(min(count, 1 << 16))
        assert part
        count -= len(part)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def talk(
    stack: ExitStack, family: socket.AddressFamily, bound: str, reached: str
) -> tuple[int, socket.socket]:
    """Open a connection that carries SENT and SENT_BACK. Return the client's port and the server's
    socket.
    """
    server = stack.enter_context(closing(socket.socket(family)))
    server.bind((bound, 0))
    server.listen(1)
    client = stack.enter_context(
        closing(socket.create_connection((reached, server.getsockname()[1])))
    )
    taken = stack.enter_context(closing(server.accept()[0]))
    client.sendall(bytes(SENT))
    exactly(taken, SENT)
    taken.sendall(bytes(SENT_BACK))
    exactly(client, SENT_BACK)
    return client.getsockname()[1], taken


def await_total(peer: str) -> int:
    """Return what the connection carried, once all of it is acknowledged."""
    end = time.monotonic() + 10
    while (total := flows()[peer].carried) < SENT + SENT_BACK and time.monotonic() < end:
        time.sleep(0.02)
    return total


@pytest.mark.parametrize(("family", "bound", "reached", "peer"), FAMILIES)
def test_a_connection_is_listed_by_its_peer_with_all_that_it_carried(
    stack: ExitStack, family: socket.AddressFamily, bound: str, reached: str, peer: str
) -> None:
    port, _ = talk(stack, family, bound, reached)

    total = await_total(peer.format(port))

    assert SENT + SENT_BACK <= total <= SENT + SENT_BACK + 2, (
        "the kernel may count the connection's own beginning"
    )


def test_a_closed_connection_is_not_listed(stack: ExitStack) -> None:
    port, taken = talk(stack, socket.AF_INET, "127.0.0.1", "127.0.0.1")
    await_total(f"127.0.0.1:{port}")

    taken.close()

    assert f"127.0.0.1:{port}" not in flows()


def flow_once(peer: str, fact: Callable[[Flow], bool]) -> Flow:
    """The connection's flow, once the fact is true of it."""
    end = time.monotonic() + 10
    while not fact(found := flows()[peer]):
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def test_acknowledgements_of_a_frozen_device_do_not_count_as_sent(stack: ExitStack) -> None:
    port, taken = talk(stack, socket.AF_INET, "127.0.0.1", "127.0.0.1")
    peer = f"127.0.0.1:{port}"
    sent = flow_once(peer, lambda flow: flow.queued == 0)
    taken.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            taken.send(bytes(1 << 16))

    frozen = flow_once(peer, lambda flow: flow.heard_ago_s > 0.7)

    assert frozen.acked > sent.acked, "its kernel takes what its buffer holds"
    assert frozen.received == sent.received
    assert frozen.queued > 0, "and then its window is full, and is asked about"


async def test_a_tunnel_knows_what_the_connection_that_registered_it_carried(
    stack: ExitStack, tmp_path: Path
) -> None:
    port, _ = talk(stack, socket.AF_INET, "127.0.0.1", "127.0.0.1")
    ledger = Ledger(home_layout(tmp_path), None)
    session = ProcessId(pid=7, start_ticks=9)
    here, gone = (
        Registration(
            node=NodeName("office"), instance="i", session=session, peer=peer, registered_at=1.0
        )
        for peer in (f"127.0.0.1:{port}", "192.0.2.1:5")
    )
    watcher = Watcher(home_layout(tmp_path), Config(tunnel_user=current_user()), ledger)
    seen = Tunnel(node=NodeName("office"), port=Port(20010), session=session)
    await watcher.signs.read_flows()

    ledger.register(here)
    told = watcher.with_peer(seen, await watcher.peer_of(session, seen), None)
    ledger.register(gone)
    unknown = watcher.with_peer(told, await watcher.peer_of(session, told), None)

    assert told.bytes_total is not None
    assert told.bytes_total >= SENT
    assert (unknown.peer, unknown.bytes_total) == ("192.0.2.1:5", None)
