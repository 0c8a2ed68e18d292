"""Accept connections to the daemon's socket, and turn a crowd away before it costs anything.

asyncio's own server makes a stream and a task for each connection before we can ask whose it is.
With 2,000 idle ones on busy cores an operator waited more than two seconds for an answer.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from checker.daemon.crowd import Crowd
from checker.linux.unix_socket import credentials

log = logging.getLogger(__name__)
AT_A_TIME = 64
"""Connections accepted before the loop's other work has its turn."""
AGAIN_AFTER_S = 0.5
"""After an accept that failed: the process, or the machine, has no descriptor left."""
READ_WITHIN_S = 5.0
MAX_MESSAGE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The process at the other end of a connection, as the kernel knows it."""

    pid: int
    uid: int
    peer: socket.socket

    async def send(self, answer: bytes) -> None:
        """Raises OSError, TimeoutError if the caller does not read."""
        async with asyncio.timeout(READ_WITHIN_S):
            await asyncio.get_running_loop().sock_sendall(self.peer, answer)


class Door:
    """The daemon's socket: one message and one answer a connection."""

    def __init__(
        self,
        listener: socket.socket,
        crowd: Crowd[asyncio.Task[None]],
        answer: Callable[[bytes, Caller], Awaitable[None]],
    ) -> None:
        """`answer` sends the caller what its message asks for."""
        self.listener = listener
        self.crowd = crowd
        self.answer = answer
        self.resumption: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Accept and answer until cancelled; what is under way then is cancelled too."""
        try:
            async with asyncio.TaskGroup() as group:
                self.watch(group)
                await asyncio.get_running_loop().create_future()
        finally:
            self.pause()
            self.listener.close()

    def watch(self, group: asyncio.TaskGroup) -> None:
        asyncio.get_running_loop().add_reader(self.listener, self.accept, group)

    def pause(self) -> None:
        asyncio.get_running_loop().remove_reader(self.listener)
        if self.resumption is not None:
            self.resumption.cancel()

    def accept(self, group: asyncio.TaskGroup) -> None:
        """Take what waits in the queue; close at once what is over its user's share."""
        for _ in range(AT_A_TIME):
            try:
                peer, _ = self.listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("cannot accept connections: %s", error.strerror)  # noqa: TRY400 - the sentence is enough
                self.pause()
                self.resumption = asyncio.get_running_loop().call_later(
                    AGAIN_AFTER_S, self.watch, group
                )
                return
            pid, uid, _ = credentials(peer)
            if not self.crowd.enter(uid):
                peer.close()
                continue
            peer.setblocking(False)
            group.create_task(self.converse(Caller(pid=pid, uid=uid, peer=peer)))

    async def converse(self, caller: Caller) -> None:
        """Read one message and answer it; who sends too much, or too slowly, gets no answer."""
        try:
            message = await self.message(caller)
            if message is not None:
                await self.answer(message, caller)
        except (TimeoutError, ConnectionError):
            return
        except Exception:  # one caller's bug must not end the daemon for all
            log.exception("a bug in reversi: a message of uid %d got no answer", caller.uid)
        finally:
            self.crowd.leave(caller.uid)
            caller.peer.close()

    async def message(self, caller: Caller) -> bytes | None:
        """All that the caller sends; None if that is too much. Raises OSError, TimeoutError."""
        task = asyncio.current_task()
        assert task is not None
        message = b""
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                while len(message) <= MAX_MESSAGE:
                    part = await self.part(caller, task)
                    if not part:
                        return message
                    message += part
        finally:
            self.crowd.heard(task)
        return None

    async def part(self, caller: Caller, task: asyncio.Task[None]) -> bytes:
        """What the caller sends next; empty at the end. Raises OSError."""
        try:
            return caller.peer.recv(MAX_MESSAGE)
        except BlockingIOError:
            pushed_out = self.crowd.wait_for(caller.uid, task)
        if pushed_out is not None:
            pushed_out.cancel()
        return await asyncio.get_running_loop().sock_recv(caller.peer, MAX_MESSAGE)
