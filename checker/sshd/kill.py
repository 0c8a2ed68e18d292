"""End one process, and no other: open a pidfd, then check that it is the process that was seen."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from checker.linux.processes import read_process, sockets_of
from checker.linux.sockets import read_listeners
from checker.model import Port, ProcessId
from checker.sshd.sessions import is_session

TERM_WITHIN_S = 2.0
KILL_WITHIN_S = 2.0
FREE_WITHIN_S = 2.0
POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Freed:
    """The process is gone, and its listener too."""


@dataclass(frozen=True, slots=True)
class Spared:
    """No signal was sent, or it did not help; `reason` is a clause."""

    reason: str


Ending = Freed | Spared


def objection(session: ProcessId, uid: int, inodes: frozenset[int]) -> str | None:
    """Say why this process must not be ended; None if it may."""
    process = read_process(session.pid)
    if process is None or process.id != session:
        return f"process {session.pid} is not the one that was seen: it has ended"
    if not is_session(process, uid):
        return f"process {session.pid} is not an sshd session of the tunnel user"
    held = sockets_of(session.pid)
    if held is not None and inodes and not held & inodes:
        return f"process {session.pid} does not hold the port"
    return None


async def end_session(session: ProcessId, port: Port, uid: int, inodes: frozenset[int]) -> Ending:
    """End the session that holds the port: SIGTERM, SIGKILL two seconds later, done when the
    listener is gone.

    `inodes` are those of the listener. If this process may read the session's descriptors, one of
    them must be among these.
    """
    try:
        handle = os.pidfd_open(session.pid)
    except ProcessLookupError:
        return Spared(f"process {session.pid} has ended already")
    except OSError as error:
        return Spared(f"process {session.pid} cannot be opened: {error.strerror}")
    try:
        spared = (
            None if await is_ending(handle, session) else await ended(handle, session, uid, inodes)
        )
        if spared is not None:
            return spared
    finally:
        os.close(handle)
    free = await until(
        lambda: not inodes & {listener.inode for listener in read_listeners().get(port, ())},
        FREE_WITHIN_S,
    )
    return (
        Freed() if free else Spared(f"process {session.pid} ended, and port {port} is still taken")
    )


async def is_ending(handle: int, session: ProcessId) -> bool:
    """Return whether that very process has ended, or ends by itself: it is a zombie, or its command
    line is gone.
    """
    process = await asyncio.to_thread(read_process, session.pid)
    if process is not None and (process.id != session or process.title):
        return False
    return await ends(handle, TERM_WITHIN_S)


async def ended(handle: int, session: ProcessId, uid: int, inodes: frozenset[int]) -> Spared | None:
    """Check the process, and signal it; say why not if it is spared."""
    why_not = await asyncio.to_thread(objection, session, uid, inodes)
    if why_not is not None:
        return Spared(why_not)
    try:
        if not await signalled(handle, signal.SIGTERM, TERM_WITHIN_S):
            await signalled(handle, signal.SIGKILL, KILL_WITHIN_S)
    except PermissionError:
        return Spared(
            f"no permission to end process {session.pid}: run the daemon as root, or as the tunnel"
            " user"
        )
    return None


async def signalled(handle: int, number: signal.Signals, within_s: float) -> bool:
    """Send the signal; return whether the process ended in time. Raises PermissionError."""
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return True
    return await ends(handle, within_s)


async def ends(handle: int, within_s: float) -> bool:
    """Return whether the process ended in time."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(handle, over.set)
    try:
        async with asyncio.timeout(within_s):
            await over.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(handle)
    return True


async def until(condition: Callable[[], bool], within_s: float) -> bool:
    """Return whether the condition came true in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not await asyncio.to_thread(condition):
        if loop.time() > end:
            return False
        await asyncio.sleep(POLL_S)
    return True
