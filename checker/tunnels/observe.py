"""Observing one forward: its probe, who holds its port, and what shows that the connection
lives.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.linux.processes import sockets_of
from checker.model import (
    IPV4_LOOPBACK,
    Answer,
    Flow,
    Forward,
    NodeName,
    NoListener,
    Port,
    ProbeFailed,
    ProcessId,
    Registration,
    Silent,
    StayedOpen,
    Tunnel,
)
from checker.sshd.sessions import login_took_s
from checker.state.ledger import Ledger
from checker.tunnels.flow import Silence, behind
from checker.tunnels.holders import Held, Holdings
from checker.tunnels.judge import Observation, Owner, with_silence
from checker.tunnels.loop_lag import Lateness
from checker.tunnels.patience import Patience, Terms
from checker.tunnels.probe import Probed, probe
from checker.tunnels.shared_key import INSTANCE, SharedPorts
from checker.tunnels.signs import Signs

SNAPSHOT_FRESH_S = 1.0
EARLY_PART = 5
"""A probe that takes longer than a fifth of its deadline has its connection looked at, to tell what
moves on it.
"""


class Observer:
    """Probes forwards, and gathers what is known of them by the end of the probe."""

    def __init__(self, layout: Layout, config: Config, ledger: Ledger) -> None:
        self.layout = layout
        self.config = config
        self.policy = config.policy
        self.ledger = ledger
        self.lateness = Lateness()
        self.uid = config.tunnel_uid
        self.holdings = Holdings(self.uid, layout.run, ledger)
        self.patience = Patience(self.policy)
        self.signs = Signs(layout.spool)
        self.slots = asyncio.Semaphore(config.probes_at_once)
        self.registered_at: dict[NodeName, float] = {}
        self.shared = SharedPorts()

    @asynccontextmanager
    async def slot(self, ordinary_s: float) -> AsyncIterator[None]:
        """Take one of the places for probes; who needs longer than ordinary gives it up, so that
        slow links delay nobody else.
        """
        await self.slots.acquire()
        taken = [self.slots]
        early = asyncio.get_running_loop().call_later(ordinary_s, lambda: taken.pop().release())
        try:
            yield
        finally:
            early.cancel()
            for place in taken:
                place.release()

    async def probed(
        self, forward: Forward, port: Port, deadline_s: float, *, newer_than: float
    ) -> Probed:
        """Probe the loopback address of the port's listener; if nothing listens, look for it in a
        listing after `newer_than`.
        """
        address = self.holdings.loopback(port)
        seen = await probe(
            port, forward.expect, deadline_s, proxy=forward.speaks_proxy, address=address
        )
        other = address
        if isinstance(seen.reply, NoListener):
            await self.holdings.listeners(port, newer_than=newer_than)
            other = self.holdings.loopback(port)
        elif isinstance(seen.reply, ProbeFailed):
            other = IPV4_LOOPBACK  # a dual listener is reached there even if IPv6 is off
        if other != address:
            return await probe(
                port, forward.expect, deadline_s, proxy=forward.speaks_proxy, address=other
            )
        return seen

    async def probe_timed(
        self, forward: Forward, port: Port, terms: Terms, *, newer_than: float
    ) -> tuple[Probed, Mapping[str, Flow]]:
        """A probe, and what had moved on all connections soon after it began, if it took long
        enough to matter.
        """
        soon: list[asyncio.Task[Mapping[str, Flow]]] = []
        loop = asyncio.get_running_loop()

        def look() -> None:
            soon.append(
                loop.create_task(
                    self.signs.fresh_flows(newer_than=time.monotonic() - SNAPSHOT_FRESH_S)
                )
            )

        early = loop.call_later(terms.deadline_s / EARLY_PART, look)
        try:
            async with self.slot(forward.deadline_s or self.policy.deadline_s):
                probed = await self.probed(forward, port, terms.deadline_s, newer_than=newer_than)
        finally:
            early.cancel()
            flows = await soon[0] if soon else {}
        return probed, flows

    async def observe(self, forward: Forward, *, at_once: bool = False) -> tuple[Observation, Held]:
        """What a probe sees; begun anew if the node's connection registered meanwhile, as it saw
        what was before.

        A sweep may miss a listener on ::1 that is younger than its listing of sockets; with
        `at_once` none is missed.
        """
        while True:
            before, began, began_wall = self.ledger.tunnel(forward), time.monotonic(), time.time()
            terms = self.patience.terms(
                forward, before, self.signs.flows.get(before.peer or ""), began
            )
            newer_than = began if at_once else began - SNAPSHOT_FRESH_S
            place = await self.holdings.place(forward, newer_than=began)
            probed, earlier = await self.probe_timed(forward, place, terms, newer_than=newer_than)
            answered = isinstance(probed.reply, Answer | StayedOpen)
            held = Held(owner=Owner.NOBODY)
            if not isinstance(probed.reply, NoListener):
                held = await self.holder(
                    forward,
                    place,
                    newer_than=began - SNAPSHOT_FRESH_S if answered else time.monotonic(),
                )
            if answered and held.session is None:
                # the listing may be older than the listener
                held = await self.holder(forward, place, newer_than=time.monotonic())
            moved = (
                isinstance(probed.reply, Silent)
                and self.holdings.loopback(place) == IPV4_LOOPBACK != probed.address
            )
            if self.registered_at.get(forward.node, float("-inf")) < began and not moved:
                break
        if held.session is not None and forward.port in self.shared.held:
            held = await self.under_shared_key(forward, held, held.session)
        self.signs.remember_answer(forward, probed.reply, held, began_wall)
        struck = self.patience.since(forward.port, held.session)
        ended = time.monotonic()
        seen = Observation(
            reply=probed.reply,
            owner=held.owner,
            session=held.session,
            stranger=held.stranger,
            latency_ms=probed.latency_ms,
            late_s=self.lateness.worst_since(began),
            expect=forward.expect,
            deadline_s=terms.deadline_s,
            silent_s=ended - (struck.began if struck else began),
            probe_s=ended - began,
            silence_s=terms.silence_s,
            beaten_at=self.signs.beats.get(held.session) if held.session else None,
            shared=self.is_shared(forward, held.session),
        )
        if not answered and held.session:
            seen = await self.with_signs(forward, seen, held.session, before, earlier)
        if held.session is not None and not self.patience.knows(before, held.session):
            self.patience.meet(
                before, held.session, await asyncio.to_thread(login_took_s, held.session)
            )
        first_s = (probed.first_ms or probed.latency_ms) / 1000
        self.patience.learn(before, seen, first_s)
        return seen, held

    async def holder(self, forward: Forward, place: Port, *, newer_than: float) -> Held:
        """Who holds the port that was probed, wherever a forward that moves is by now."""
        return replace(
            await self.holdings.held_at(place, forward, newer_than=newer_than), port=place
        )

    async def with_signs(
        self,
        forward: Forward,
        seen: Observation,
        session: ProcessId,
        before: Tunnel,
        earlier: Mapping[str, Flow],
    ) -> Observation:
        """The observation of no answer, with what beats, siblings and the kernel say of this
        connection.
        """
        asked_at = time.monotonic()
        beaten_at = await self.signs.beaten_at(session)
        peer = await self.peer_of(session, before if before.session == session else None)
        now = (
            (await self.signs.fresh_flows(newer_than=asked_at)).get(peer)
            if isinstance(seen.reply, Silent)
            else None
        )
        struck, configured_s = (
            self.patience.since(forward.port, session),
            forward.deadline_s or self.policy.deadline_s,
        )
        life = self.signs.of_life(forward, session, beaten_at, time.time() - seen.silent_s)
        seen = replace(seen, beaten_at=beaten_at, life=life, flow=now)
        if now is None:
            return seen
        then = struck.flow if struck and struck.flow else earlier.get(peer)
        excuse = behind(then, now, self.patience.excused_s(forward.port, asked_at)) if then else ""
        # added, so that what the kernel's coarse clock leaves open is taken for life
        took_s = time.monotonic() - asked_at
        silence = Silence(
            heard_ago_s=now.heard_ago_s,
            since_s=seen.silent_s + took_s,
            probe_s=seen.probe_s + took_s,
        )
        return replace(with_silence(seen, silence, configured_s), behind=excuse)

    def is_shared(self, forward: Forward, session: ProcessId | None) -> bool:
        """Whether the shared key may have opened the port: not where a node holds it with a key of
        its own.
        """
        known = self.ledger.registrations.get(session) if session else None
        return forward.port in self.shared.held and (known is None or known.instance == INSTANCE)

    async def under_shared_key(self, forward: Forward, held: Held, session: ProcessId) -> Held:
        """Who holds a port that the shared key opens; a connection that a node made with its own
        key is another's, never to be ended.
        """
        known = self.ledger.registrations.get(session)
        if known is not None and known.instance != INSTANCE:
            return (
                held
                if known.node == forward.node
                else Held(owner=Owner.FOREIGN, stranger=f"the connection of node {known.node}")
            )
        inodes = await asyncio.to_thread(sockets_of, session.pid) or frozenset()
        owned = sorted(
            port
            for port in self.shared.owned
            if any(one.inode in inodes for one in self.holdings.by_port.get(port, ()))
        )
        if owned:
            return Held(
                owner=Owner.FOREIGN,
                stranger=(
                    f"the connection that also holds port {owned[0]} of a node with a key of"
                    " its own"
                ),
            )
        if known is None:
            made = Registration(
                node=forward.node,
                instance=INSTANCE,
                session=session,
                peer="",
                registered_at=time.time(),
            )
            self.ledger.register(made)
        return held

    async def peer_of(self, session: ProcessId, known: Tunnel | None) -> str:
        """Where a connection comes from: its registration tells, else its sockets do; empty if
        neither does.
        """
        registration = self.ledger.registrations.get(session)
        peer = (registration.peer if registration else "") or (
            (known.peer if known else None) or ""
        )
        return peer or await asyncio.to_thread(self.holdings.peer_of, session)
