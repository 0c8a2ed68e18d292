"""The daemon's socket, with real connections: who is answered, and who is turned away."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from checker.daemon import crowd as crowds
from checker.daemon.accept import MAX_MESSAGE, Caller, Door
from checker.daemon.crowd import Crowd
from checker.linux.unix_socket import connect, listen

pytestmark = pytest.mark.usefixtures("no_blocked_loop")
OTHER_UID = 1 << 20
WITHIN_S = 100.0


async def echo(message: bytes, caller: Caller) -> None:
    if message == b"bug":
        raise ValueError(message)
    if message == b"no room":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    await caller.send(message + b" from %d" % caller.pid)


@contextlib.asynccontextmanager
async def serving(folder: Path, *, as_uid: str) -> AsyncIterator[Path]:
    """A door at which this process is an operator, the tunnel user, or another user."""
    uid = os.geteuid()
    crowd: Crowd[asyncio.Task[None]] = Crowd(
        operators=frozenset({uid if as_uid == "operator" else OTHER_UID}),
        tunnel_uid=uid if as_uid == "tunnel user" else OTHER_UID,
    )
    path = folder / "checker.sock"
    door = Door(await asyncio.to_thread(listen, path), crowd, echo)
    task = asyncio.create_task(door.serve())
    try:
        yield path
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert (crowd.counts, crowd.silent) == ({}, {})


def ask(path: Path, message: bytes) -> bytes:
    """Connect, send and read to the end; the reset of a connection that was closed is an end."""
    with socket.socket(socket.AF_UNIX) as peer:
        connect(peer, path, WITHIN_S)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            peer.sendall(message)
            peer.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: peer.recv(65536), b""))
    return b""


def connected(path: Path, count: int) -> list[socket.socket]:
    peers = [socket.socket(socket.AF_UNIX) for _ in range(count)]
    for peer in peers:
        connect(peer, path, WITHIN_S)
    return peers


def is_closed(peer: socket.socket) -> bool:
    """Whether the other end is closed; blocks until it is, or time is over."""
    return peer.recv(1) == b""


@pytest.mark.parametrize("as_uid", ["operator", "tunnel user", "other"])
async def test_whoever_asks_is_answered(tmp_path: Path, as_uid: str) -> None:
    async with serving(tmp_path, as_uid=as_uid) as path:
        assert await asyncio.to_thread(ask, path, b"hello") == b"hello from %d" % os.getpid()


@pytest.mark.parametrize(
    ("message", "logged"),
    [
        pytest.param(b"bug", "ValueError", id="a bug"),
        pytest.param(b"no room", "No space left on device", id="a full disk"),
        pytest.param(b"x" * 2 * MAX_MESSAGE, "", id="too long"),
    ],
)
async def test_a_message_that_cannot_be_answered_is_logged_and_harms_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, message: bytes, logged: str
) -> None:
    async with serving(tmp_path, as_uid="operator") as path:
        assert await asyncio.to_thread(ask, path, message) == b""
        assert await asyncio.to_thread(ask, path, b"hello")

    assert logged in caplog.text
    assert bool(caplog.text) is bool(logged)


@pytest.mark.parametrize(
    ("as_uid", "limit"), [("tunnel user", "SILENT_AT_ONCE"), ("other", "CONNECTIONS_AT_ONCE")]
)
async def test_what_is_over_the_share_is_closed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_uid: str, limit: str
) -> None:
    monkeypatch.setattr(crowds, limit, 3)
    first, last = (0, -1) if as_uid == "tunnel user" else (-1, 0)

    async with serving(tmp_path, as_uid=as_uid) as path:
        peers = await asyncio.to_thread(connected, path, 4)
        assert await asyncio.to_thread(is_closed, peers[first])
        peers[last].setblocking(False)
        with pytest.raises(BlockingIOError):
            peers[last].recv(1)
        for peer in peers:
            peer.close()


def fill(path: Path) -> list[socket.socket]:
    """Connections that take all the room of the listener's queue."""
    peers: list[socket.socket] = []
    while True:
        peer = socket.socket(socket.AF_UNIX)
        peer.setblocking(False)
        try:
            peer.connect(str(path))
        except BlockingIOError:
            peer.close()
            return peers
        peers.append(peer)


async def test_an_operator_waits_for_room_in_a_queue_that_a_crowd_has_filled(
    tmp_path: Path,
) -> None:
    path = tmp_path / "checker.sock"
    listener = await asyncio.to_thread(listen, path)
    peers = await asyncio.to_thread(fill, path)
    waiting = asyncio.create_task(asyncio.to_thread(ask, path, b"hello"))
    uid = os.geteuid()
    crowd: Crowd[asyncio.Task[None]] = Crowd(operators=frozenset({uid}), tunnel_uid=uid)

    serve = asyncio.create_task(Door(listener, crowd, echo).serve())

    assert await waiting == b"hello from %d" % os.getpid()
    serve.cancel()
    await asyncio.wait([serve])
    for peer in peers:
        peer.close()


def test_a_queue_that_stays_full_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "checker.sock"
    with listen(path), contextlib.ExitStack() as stack, socket.socket(socket.AF_UNIX) as peer:
        for filler in fill(path):
            stack.enter_context(filler)

        with pytest.raises(BlockingIOError):
            connect(peer, path, 0.2)


async def test_without_a_descriptor_left_it_accepts_again_once_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[[socket.socket], tuple[socket.socket, object]] = socket.socket.accept
    left = 1

    def exhausted(listener: socket.socket) -> tuple[socket.socket, object]:
        nonlocal left
        left -= 1
        if left >= 0:
            raise OSError(24, "Too many open files")
        return real(listener)

    monkeypatch.setattr(socket.socket, "accept", exhausted)
    async with serving(tmp_path, as_uid="operator") as path:
        assert await asyncio.to_thread(ask, path, b"hello")


async def test_an_operator_is_read_before_a_crowd_that_came_earlier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checker.sock"
    listener = await asyncio.to_thread(listen, path)
    uids = iter([OTHER_UID] * 40 + [os.geteuid()])
    monkeypatch.setattr("checker.daemon.accept.credentials", lambda _: (1, next(uids), 1))
    answered: list[int] = []

    async def answer(message: bytes, caller: Caller) -> None:
        answered.append(caller.uid)

    peers = await asyncio.to_thread(connected, path, 41)
    for peer in peers:
        peer.shutdown(socket.SHUT_WR)
    crowd: Crowd[asyncio.Task[None]] = Crowd(
        operators=frozenset({os.geteuid()}), tunnel_uid=OTHER_UID
    )
    serve = asyncio.create_task(Door(listener, crowd, answer).serve())
    for peer in peers:
        assert await asyncio.to_thread(is_closed, peer)

    serve.cancel()
    await asyncio.wait([serve])
    assert answered == [os.geteuid()] + [OTHER_UID] * 40
    for peer in peers:
        peer.close()


async def test_what_was_accepted_and_not_read_is_closed_at_the_end(tmp_path: Path) -> None:
    uid = os.geteuid()
    crowd: Crowd[asyncio.Task[None]] = Crowd(operators=frozenset({OTHER_UID}), tunnel_uid=uid)
    path = tmp_path / "checker.sock"
    door = Door(await asyncio.to_thread(listen, path), crowd, echo)
    peers = await asyncio.to_thread(connected, path, 40)

    async with asyncio.TaskGroup() as group:
        door.accept(group)
    assert len(door.waiting) == 40
    door.close()

    for peer in peers:
        assert await asyncio.to_thread(is_closed, peer)
        peer.close()
