"""Read the host keys of nodes through their tunnels, and pin them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from checker.config.layout import Layout
from checker.control.key_readings import Found, Reading, Seen, shown, why_not, with_keys
from checker.control.node_changes import ChangedMeanwhile
from checker.control.notices import Report, log_changes
from checker.linux.processes import is_alive, sockets_of
from checker.linux.sockets import read_listeners
from checker.model import Forward, Node, Place, Port, ProcessId
from checker.registry.changes import write_node
from checker.registry.edits import describe
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.tunnels.host_key_exchange import Showed, read_host_key
from checker.tunnels.port_owner import Owner, loopback_of, owner_of, reached

AT_ONCE = 16
WITHIN_S = 30.0
EVENTS_AT_ONCE = 64
"""The daemon reads at most 64 KiB in one message."""


def read_all(forwards: Sequence[Forward], seen: Seen) -> tuple[Reading, ...]:
    """Read the host key behind each forward, AT_ONCE at a time, in their order."""
    return asyncio.run(all_read(forwards, seen))


async def all_read(forwards: Sequence[Forward], seen: Seen) -> tuple[Reading, ...]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(forward: Forward) -> Reading:
        async with gate:
            return await reading(forward, seen)

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(one(forward), name=f"read {forward.node} {forward.port}")
            for forward in forwards
        ]
    return tuple(task.result() for task in tasks)


async def reading(forward: Forward, seen: Seen) -> Reading:
    """Read one host key. A port that the node's own session does not hold, before and after, gives
    none: it would be somebody else's.
    """
    tunnel = seen.tunnels.get((forward.node, forward.port))
    why = why_not(tunnel, seen)
    if why or tunnel is None or tunnel.session is None:
        return Reading(forward=forward, found=Found.DOWN, reason=why)
    held = await asyncio.to_thread(held_by, forward, tunnel.session, seen.uid)
    if held is None:
        reason = "another process holds the port now, or none"
        return Reading(forward=forward, found=Found.DOWN, reason=reason)
    outcome = await read_host_key(
        forward, held.address, port=held.port, first=forward.host_key, deadline_s=WITHIN_S
    )
    if await asyncio.to_thread(held_by, forward, tunnel.session, seen.uid) != held:
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


def held_by(forward: Forward, session: ProcessId, uid: int) -> HeldPort | None:
    """Return where this session holds one of the forward's ports; None if it does not.

    If we may not look at its sockets, the port must be the tunnel user's, and the session alive.
    """
    if not is_alive(session):
        return None
    listening, owned = read_listeners(), sockets_of(session.pid)
    for port in forward.ports:
        found = listening.get(port, ())
        inodes = frozenset(one.inode for one in reached(found))
        if owner_of(found, uid) is Owner.OURS and (owned is None or inodes <= owned):
            return HeldPort(port=port, address=loopback_of(found), inodes=inodes)
    return None


def pin(
    layout: Layout, nodes: Sequence[Node], keys: Mapping[Place, str], report: Report
) -> tuple[Node, ...]:
    """Pin these keys (empty: remove) at the nodes as they were read, and log it; the nodes
    afterwards. Nothing else of a node changes, so the key file stays as it is.

    Raises ChangedMeanwhile before anything is written, CheckerError.
    """
    changed: list[Node] = []
    with locked(layout):
        registry = read_registry(layout.nodes)
        for node in nodes:
            registry.refuse_broken(node.name)
            if registry.nodes.get(node.name) != node:
                raise ChangedMeanwhile(node.name)
        for node in nodes:
            after = with_keys(registry.nodes[node.name], keys)
            if after != node:
                write_node(layout, node.name, after)
                changed.append(after)
    before = {node.name: node for node in nodes}
    clauses = [
        (after.name, port, text)
        for after in changed
        for port, text in describe(before[after.name], after)
    ]
    for at in range(0, len(clauses), EVENTS_AT_ONCE):
        log_changes(layout, clauses[at : at + EVENTS_AT_ONCE], report)
    return tuple(changed)
