"""End the connection of a node that was told to use another gateway, as any kill does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

from checker.linux.processes import is_alive
from checker.model import EventKind, Forward, NodeName, Port, ProcessId
from checker.sshd.kill import Freed, end_session
from checker.state import beats
from checker.tunnels.departures import Departure, Sight
from checker.tunnels.gateway import Gateway


async def end_connection(
    gateway: Gateway, node: NodeName, session: ProcessId, *, why: str, actor: str
) -> bool:
    """End the connection's session; return whether it has ended. `why`: from `why_kill`."""
    ledger, watcher = gateway.ledger, gateway.watcher
    forward = forward_of(gateway, session)
    if forward is not None:
        await watcher.end_holder(forward, why, actor=actor, session=session)
    if not await asyncio.to_thread(is_alive, session):
        return True
    if await watcher.holders.other_home(session):
        return False
    ending = await end_session(session, Port(0), watcher.uid, frozenset())
    if not isinstance(ending, Freed):
        ledger.complain(f"{node} could not be sent away: {ending.reason}")
        return False
    text = f"killed sshd process {session.pid}, which held no port; {why}"
    ledger.log_event(EventKind.KILL, text, node=node, actor=actor)
    return True


def forward_of(gateway: Gateway, session: ProcessId) -> Forward | None:
    """Return a forward that the session holds, as last seen."""
    ledger = gateway.ledger
    places = {(row.node, row.port) for row in ledger.tunnels.values() if row.session == session}
    known = (*gateway.registry.forwards, *ledger.sightings.forwards)
    return next((one for one in known if (one.node, one.port) in places), None)


def look_at(spool: Path, told: Iterable[Departure]) -> dict[ProcessId, Sight]:
    """Look at connections that were told to leave."""
    found, now = {}, time.time()
    for one in told:
        last = beats.beaten_at(spool, one.session)
        found[one.session] = Sight(
            is_there=is_alive(one.session),
            loops=one.loop is not None and is_alive(one.loop),
            beaten_s_ago=None if last is None else now - last,
        )
    return found
