"""Read the host keys of nodes through their tunnels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from checker.control.key_readings import Found, Reading, Seen, shown, why_not
from checker.linux.processes import is_alive, sockets_of
from checker.linux.sockets import read_listeners
from checker.model import Forward, Listener, Port, ProcessId
from checker.tunnels.host_key_exchange import Showed, read_host_key
from checker.tunnels.port_owner import Owner, loopback_of, owner_of, reached

AT_ONCE = 16
WITHIN_S = 30.0


def read_all(forwards: Sequence[Forward], seen: Seen) -> tuple[Reading, ...]:
    """Read the host key behind each forward, AT_ONCE at a time, in their order."""
    return asyncio.run(all_read(forwards, seen))


class Listening:
    """What listens on this machine, read once for all who ask at the same time: it takes long if
    there are thousands of ports.
    """

    def __init__(self) -> None:
        self.found: Mapping[Port, tuple[Listener, ...]] = {}
        self.read_at = float("-inf")
        self.reading = asyncio.Lock()

    async def now(self) -> Mapping[Port, tuple[Listener, ...]]:
        """Return all listeners by port, as of now or later."""
        asked_at = time.monotonic()
        async with self.reading:
            if self.read_at < asked_at:
                began = time.monotonic()
                self.found = await asyncio.to_thread(read_listeners)
                self.read_at = began
        return self.found


async def all_read(forwards: Sequence[Forward], seen: Seen) -> tuple[Reading, ...]:
    gate, listening = asyncio.Semaphore(AT_ONCE), Listening()

    async def one(forward: Forward) -> Reading:
        async with gate:
            return await reading(forward, seen, listening)

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(one(forward), name=f"read {forward.node} {forward.port}")
            for forward in forwards
        ]
    return tuple(task.result() for task in tasks)


async def reading(forward: Forward, seen: Seen, listening: Listening) -> Reading:
    """Read one host key. A port that the node's own session does not hold, before and after, gives
    none: it would be somebody else's.
    """
    tunnel = seen.tunnels.get((forward.node, forward.port))
    why = why_not(tunnel, seen)
    if why or tunnel is None or tunnel.session is None:
        return Reading(forward=forward, found=Found.DOWN, reason=why)
    session = tunnel.session
    held = held_by(forward, session, seen.uid, await listening.now())
    if held is None:
        reason = "another process holds the port now, or none"
        return Reading(forward=forward, found=Found.DOWN, reason=reason)
    outcome = await read_host_key(
        forward, held.address, port=held.port, first=forward.host_key, deadline_s=WITHIN_S
    )
    if held_by(forward, session, seen.uid, await listening.now()) != held:
        reason = "its tunnel ended meanwhile; try again"
        return Reading(forward=forward, found=Found.FAILED, reason=reason)
    if isinstance(outcome, Showed):
        return shown(forward, outcome.key)
    return Reading(forward=forward, found=Found.FAILED, reason=outcome.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPort:
    """Where a session of ours listens."""

    port: Port
    address: str
    inodes: frozenset[int]


def held_by(
    forward: Forward,
    session: ProcessId,
    uid: int,
    listening: Mapping[Port, tuple[Listener, ...]],
) -> HeldPort | None:
    """Return where this session holds one of the forward's ports; None if it does not.

    If we may not look at its sockets, the port must be the tunnel user's, and the session alive.
    """
    if not is_alive(session):
        return None
    owned = sockets_of(session.pid)
    for port in forward.ports:
        found = listening.get(port, ())
        inodes = frozenset(one.inode for one in reached(found))
        if owner_of(found, uid) is Owner.OURS and (owned is None or inodes <= owned):
            return HeldPort(port=port, address=loopback_of(found), inodes=inodes)
    return None
