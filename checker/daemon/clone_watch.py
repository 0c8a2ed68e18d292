"""Notice a node that is connected here and at another gateway, and have a copied key wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator, Sequence

from checker.daemon.sweep import Sweeper
from checker.daemon.verdicts import Verdicts
from checker.linux.processes import is_alive
from checker.model import NodeName, ProcessId, Registration, Tunnel
from checker.model.gateway_id import GatewayId
from checker.state.mirror_reading import InCommon, read_in_common
from checker.tunnels.cloned_keys import Arrival
from checker.tunnels.far_clones import Findings, Pair, Presence, findings
from checker.tunnels.gateway import Gateway
from checker.tunnels.judge import LIVES
from checker.tunnels.peers import host_of


class CloneWatch:
    """Compares the connections here with those of other gateways."""

    def __init__(
        self, here: GatewayId, gateway: Gateway, verdicts: Verdicts, sweeper: Sweeper
    ) -> None:
        self.here, self.gateway = here, gateway
        self.verdicts, self.sweeper = verdicts, sweeper
        self.ledger, self.watcher = gateway.ledger, gateway.watcher
        self.settled: set[tuple[ProcessId, GatewayId, ProcessId]] = set()
        """Pairs about which something was done already."""
        self.there: dict[GatewayId, InCommon] = {}
        """What the mirrors had at the last look."""

    async def look(self, fresh: Collection[GatewayId]) -> None:
        """Compare with these gateways, whose pulses are fresh."""
        ours = {one.node: one for one in self.ledger.registrations.values()}
        there = self.there = await asyncio.to_thread(self.read, fresh, frozenset(ours))
        shared = {one.node for found in there.values() for one in found.registrations}
        sessions = [ours[name].session for name in shared if name in ours]
        alive = await asyncio.to_thread(lambda: {one for one in sessions if is_alive(one)})
        pairs = [
            Pair(ours=self.presence_of(ours[theirs.node]), theirs=theirs)
            for id_, found in there.items()
            for theirs in presences(id_, found)
            if theirs.node in ours and ours[theirs.node].session in alive
        ]
        self.settled &= {key_of(pair) for pair in pairs}
        await self.act(findings(pairs))

    def read(
        self, fresh: Iterable[GatewayId], names: frozenset[NodeName]
    ) -> dict[GatewayId, InCommon]:
        """Read the mirrors; those that cannot be read are left out."""
        layout = self.gateway.layout
        found = {id_: read_in_common(layout, id_, names, self.there.get(id_)) for id_ in fresh}
        return {id_: one for id_, one in found.items() if one is not None}

    def presence_of(self, one: Registration) -> Presence:
        """Return a connection here, which lives if it beats."""
        return Presence(
            gateway=self.here,
            node=one.node,
            session=one.session,
            instance=one.instance,
            peer=one.peer,
            registered_at=one.registered_at,
            alive_at=self.watcher.signs.beats.get(one.session),
        )

    async def act(self, found: Findings) -> None:
        for pair in found.leftovers:
            if self.is_new(pair):
                node = self.gateway.registry.nodes.get(pair.ours.node)
                forwards = node.forwards if node else ()
                at_once = [port for one in forwards for port in one.ports]
                self.sweeper.schedule.at_once(at_once, time.monotonic())
                self.sweeper.wake.set()
        for pair in found.clones:
            if self.is_new(pair):
                await self.make_wait(pair)
        for id_ in found.doubted:
            self.ledger.complain(
                f"gateway {id_} reports second devices with the keys of many nodes; it is believed"
                " about none of them"
            )

    def is_new(self, pair: Pair) -> bool:
        """Whether nothing was done about the pair yet; note that now something is."""
        key = key_of(pair)
        is_new = key not in self.settled
        self.settled.add(key)
        return is_new

    async def make_wait(self, pair: Pair) -> None:
        """Answer the next beat of our connection with a wait, longer each time."""
        ours, theirs = pair.ours, pair.theirs
        node = self.gateway.registry.nodes.get(ours.node)
        if node is None:
            return
        holder, newcomer = arrival(theirs), arrival(ours)
        now = time.monotonic()
        wait_s, is_news = self.watcher.clones.refuse(node.name, holder, newcomer, now)
        if is_news:
            self.gateway.rights.log_clone(
                node.name,
                f"instance {newcomer} is connected here, and since earlier another instance at"
                f" {theirs.gateway} ({holder}): is the key on two devices? It must wait {wait_s} s",
            )
        self.gateway.rights.note_clone(node)
        self.gateway.sent_away.waits[node.name] = wait_s
        await self.verdicts.write(node.name)


def presences(id_: GatewayId, found: InCommon) -> Iterator[Presence]:
    """Yield the connections of another gateway, by our clock. One lives if its tunnel answered a
    probe.
    """
    ahead_s = found.pulse.ahead_s
    for one in found.registrations:
        alive_at = answered_at(one.session, found.tunnels)
        yield Presence(
            gateway=id_,
            node=one.node,
            session=one.session,
            instance=one.instance,
            peer=one.peer,
            registered_at=one.registered_at - ahead_s,
            alive_at=None if alive_at is None else alive_at - ahead_s,
        )


def answered_at(session: ProcessId, tunnels: Sequence[Tunnel]) -> float | None:
    """Return when a tunnel of this connection answered last."""
    found = [
        one.probed_at
        for one in tunnels
        if one.session == session and one.status in LIVES and one.probed_at is not None
    ]
    return max(found, default=None)


def arrival(one: Presence) -> Arrival:
    return Arrival(instance=one.instance, peer=host_of(one.peer))


def key_of(pair: Pair) -> tuple[ProcessId, GatewayId, ProcessId]:
    return pair.ours.session, pair.theirs.gateway, pair.theirs.session
