"""Accept connections to the daemon's socket, and turn a crowd away before it costs anything.

asyncio's own server makes a stream and a task for each connection before we can ask whose it is.
With 2,000 idle ones on busy cores an operator waited more than two seconds for an answer.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from checker.daemon.crowd import Crowd
from checker.linux.unix_socket import credentials

log = logging.getLogger(__name__)
MOST_WAITING = 1024
"""Connections that were accepted and are not read yet."""
AT_A_TIME = 16
"""Of these, how many are read before the loop's other work has its turn."""
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
        self.waiting: deque[Caller] = deque()
        """Accepted, but behind operators."""
        self.resumption: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Accept and answer until cancelled; what is under way then is cancelled too."""
        async with asyncio.TaskGroup() as group:
            self.watch(group)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.close()

    def close(self) -> None:
        """Accept nobody any more, and close what was accepted and not read yet."""
        self.pause()
        self.listener.close()
        for caller in self.waiting:
            self.end(caller)
        self.waiting.clear()

    def end(self, caller: Caller) -> None:
        self.crowd.leave(caller.uid)
        caller.peer.close()

    def watch(self, group: asyncio.TaskGroup) -> None:
        asyncio.get_running_loop().add_reader(self.listener, self.accept, group)

    def pause(self) -> None:
        asyncio.get_running_loop().remove_reader(self.listener)
        if self.resumption is not None:
            self.resumption.cancel()

    def accept(self, group: asyncio.TaskGroup) -> None:
        """Take what waits in the queue; close at once what is over its user's share.

        Accepting costs a fifth of reading. So we accept all at once, and read operators first.
        """
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self.admit, group)
        for _ in range(MOST_WAITING - len(self.waiting)):
            try:
                peer, _ = self.listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("cannot accept connections: %s", error.strerror)  # noqa: TRY400 - the sentence is enough
                self.resume_later(group)
                return
            self.let_in(peer, group)

    def resume_later(self, group: asyncio.TaskGroup) -> None:
        self.pause()
        loop = asyncio.get_running_loop()
        self.resumption = loop.call_later(AGAIN_AFTER_S, self.watch, group)

    def let_in(self, peer: socket.socket, group: asyncio.TaskGroup) -> None:
        """Read an operator at once, let others wait, or close the connection."""
        pid, uid, _ = credentials(peer)
        if not self.crowd.enter(uid):
            peer.close()
            return
        peer.setblocking(False)
        caller = Caller(pid=pid, uid=uid, peer=peer)
        if uid in self.crowd.operators:
            group.create_task(self.converse(caller))
        else:
            self.waiting.append(caller)

    def admit(self, group: asyncio.TaskGroup) -> None:
        """Let the next ones of those that wait be read."""
        for _ in range(min(AT_A_TIME, len(self.waiting))):
            group.create_task(self.converse(self.waiting.popleft()))
        if self.waiting:
            asyncio.get_running_loop().call_soon(self.admit, group)

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
            self.end(caller)

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
