"""The connections of all nodes that are alive now, and what is open through their forwards."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

from checker.linux.processes import is_alive, sockets_of
from checker.linux.sockets import connected
from checker.model import NodeName, Port, ProcessId, Registration
from checker.state.ledger import Ledger
from checker.tunnels.departures import carried


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A live connection of a node."""

    node: NodeName
    session: ProcessId
    registration: Registration | None
    """None: it never sent `hold`."""

    @property
    def moves(self) -> bool:
        return self.registration is not None and self.registration.moves


async def connections(ledger: Ledger) -> list[Connection]:
    """Return the live connections of all nodes, also of those that are not registered."""
    found = {
        one.session: Connection(node=one.node, session=one.session, registration=one)
        for one in ledger.registrations.values()
    }
    for row in ledger.tunnels.values():
        if row.session is not None and row.session not in found:
            found[row.session] = Connection(node=row.node, session=row.session, registration=None)
    return await asyncio.to_thread(lambda: [one for one in found.values() if is_alive(one.session)])


def ports(ledger: Ledger) -> dict[Port, ProcessId]:
    """Return the session that listens on each port, as last seen."""
    return {row.port: row.session for row in ledger.tunnels.values() if row.session is not None}


def open_through(held: Mapping[Port, ProcessId]) -> dict[ProcessId, int]:
    """Count the connections through each session's forwards, without our own probes; none are
    known if the kernel does not say.
    """
    try:
        return carried_now(held)
    except OSError:
        return {}  # a sandbox may refuse netlink


def carried_now(held: Mapping[Port, ProcessId]) -> dict[ProcessId, int]:
    """Count the same. Raises OSError if the kernel does not say."""
    own_before = own_sockets()
    ends = connected()
    mine = own_before | own_sockets()  # a probe may begin or end meanwhile
    own = {str(port) for inode, (port, _) in ends.items() if inode in mine}
    return carried(ends.values(), held, own)


def own_sockets() -> frozenset[int]:
    return sockets_of(os.getpid()) or frozenset()
