"""Send guests home: nodes that came because their own gateway was away.

A guest is told as by a drain: its `hold` ends with exit status 75. What it costs is bounded: each
round looks closer at a few guests only, and then leaves those alone for a while.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from checker.config.settings import FleetSettings
from checker.daemon.endings import end_connection, look_at
from checker.daemon.live_connections import carried_now, ports
from checker.linux.processes import is_alive
from checker.model import CheckerError, EventKind, NodeName, ProcessId, Registration
from checker.model.gateway_id import GatewayId
from checker.model.instance import is_other_path, path_in
from checker.state.mirror_reading import read_connections
from checker.tunnels.beat_loops import beat_loop, tell_to_move
from checker.tunnels.departures import Departure, Way, must_end
from checker.tunnels.gateway import Gateway
from checker.tunnels.kill_reasons import SentHome, why_kill
from checker.tunnels.returns import Guest, Homes, Returning, Returns, home_of

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LOOKED_AT = 64
"""Guests that a round looks closer at."""
LOOK_AGAIN_S = 30.0
"""After which a guest that had to stay is looked at again."""
SEE_OFF_EVERY_S = 0.5


class OrdersOf(Protocol):
    """Says where nodes belong. It blocks."""

    def orders(self, names: Collection[NodeName]) -> Mapping[NodeName, Sequence[GatewayId]]:
        """Return the gateways of each of these nodes, its home first; it may leave nodes out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closer:
    """What only a closer look at guests tells."""

    alive: frozenset[ProcessId]
    orders: Mapping[NodeName, Sequence[GatewayId]]
    shut_out: frozenset[ProcessId]
    """Those whose home has the other tunnel of their node, or may have it."""


class Guests:
    """The guests of one gateway. Times are seconds since the boot."""

    def __init__(self, settings: FleetSettings, placing: OrdersOf, gateway: Gateway) -> None:
        self.here, self.after_s = GatewayId(settings.name), settings.return_after_s
        returning = Returning(after_s=settings.return_after_s, per_s=settings.return_per_s)
        self.returns = Returns(self.here, returning)
        self.placing, self.gateway = placing, gateway
        self.ledger, self.watcher = gateway.ledger, gateway.watcher
        self.spool = gateway.layout.spool
        self.rest_until: dict[ProcessId, float] = {}

    async def send(self, others: Homes, now: float, group: asyncio.TaskGroup) -> bool:
        """Send a few guests home; return whether there were any. Raises OSError if it cannot be
        known what is open through them.
        """
        self.note_back(now)
        well = {id_: at for id_, at in others.well_since.items() if now - at >= self.after_s}
        self.rest_until = {one: at for one, at in self.rest_until.items() if at > now}
        heard_at = {id_: others.heard_at[id_] for id_ in well}
        candidates = self.candidates(heard_at) if self.after_s and well else []
        if not candidates:
            self.returns.count(now)
            return False
        seen = await asyncio.to_thread(self.closer, candidates)
        carried = await asyncio.to_thread(carried_now, ports(self.ledger))
        guests = [guest_of(one, seen, carried) for one in candidates if one.session in seen.alive]
        due = self.returns.due(guests, well, now)
        going = {one.session for one in due}
        if self.returns.allowance >= 1.0:  # else some may only have to wait for their turn
            left = (one.session for one in candidates if one.session not in going)
            self.rest_until.update(dict.fromkeys(left, now + LOOK_AGAIN_S))
        for guest in due:
            group.create_task(self.send_home(guest, now - well[GatewayId(guest.home)]))
        return bool(due)

    def note_back(self, now: float) -> None:
        """Leave an event for each tunnel that was sent home and came straight back."""
        for node, path in self.returns.awaited(now):
            for session in self.ledger.sessions.get(node, ()):
                one = self.ledger.registrations.get(session)
                if one is None or path_in(one.instance) != path:
                    continue
                home = self.returns.notice((node, path), began_at(session))
                if home:
                    text = f"came straight back from {home}: it stays until {home} was away again"
                    self.ledger.log_event(EventKind.MOVE, text, node=node)

    def candidates(self, heard_at: Mapping[GatewayId, float]) -> list[Registration]:
        """Return the longest guests by what they say themselves, a few of them. `heard_at`: when
        each gateway that is well was heard last: one that died when they came was not heard since.
        """
        found = (
            one
            for one in self.ledger.registrations.values()
            if one.moves
            and one.home in heard_at
            and one.home != self.here
            and heard_at[GatewayId(one.home)] - began_at(one.session) >= self.after_s
            and one.session not in self.rest_until
        )
        return sorted(found, key=lambda one: (began_at(one.session), one.node))[:LOOKED_AT]

    def closer(self, found: Iterable[Registration]) -> Closer:
        """Return which of them are still connected, where they belong, and who is there."""
        alive = [one for one in found if is_alive(one.session)]
        return Closer(
            alive=frozenset(one.session for one in alive),
            orders=self.placing.orders({one.node for one in alive}),
            shut_out=frozenset(one.session for one in alive if self.is_shut_out(one)),
        )

    def is_shut_out(self, one: Registration) -> bool:
        """Whether its home may have the other tunnel of its node: both never meet at one gateway.
        This blocks.
        """
        if not path_in(one.instance):
            return False
        there = read_connections(self.gateway.layout, GatewayId(one.home), (one.node,))
        return there is None or any(is_other_path(one.instance, each.instance) for each in there)

    async def send_home(self, guest: Guest, well_s: float) -> None:
        """Tell a guest to go home, and see it off."""
        try:
            loop = await asyncio.to_thread(beat_loop, guest.session, self.spool, self.watcher.uid)
            if loop is None or not await asyncio.to_thread(tell_to_move, loop):
                return
            text = f"sent home to {guest.home}, which has been well for {well_s:.0f} s"
            self.ledger.log_event(EventKind.MOVE, text, node=guest.node)
            await self.see_off(
                Departure(
                    node=guest.node,
                    session=guest.session,
                    way=Way.MOVE,
                    told_at=time.monotonic(),
                    loop=loop,
                ),
                guest.home,
            )
        except (CheckerError, OSError) as error:
            self.ledger.complain(f"cannot send {guest.node} home: {error}")

    async def see_off(self, departure: Departure, home: str) -> None:
        """Wait until the connection has ended; end it if it stays."""
        session = departure.session
        while True:
            await asyncio.sleep(SEE_OFF_EVERY_S)
            sight = (await asyncio.to_thread(look_at, self.spool, (departure,)))[session]
            if not sight.is_there:
                return
            if must_end(departure, sight, time.monotonic()):
                break
        why = why_kill(SentHome(home=home, was_told=True))
        await end_connection(self.gateway, departure.node, session, why=why, actor="daemon")


def began_at(session: ProcessId) -> float:
    return session.start_ticks / TICKS_PER_S


def guest_of(one: Registration, seen: Closer, carried: Mapping[ProcessId, int]) -> Guest:
    path = path_in(one.instance)
    return Guest(
        node=one.node,
        session=one.session,
        began_at=began_at(one.session),
        moves=one.moves,
        home=one.home,
        placed=home_of(seen.orders.get(one.node, ()), path),
        carried=carried.get(one.session, 0),
        path=path,
        is_other_path_there=one.session in seen.shut_out,
    )
