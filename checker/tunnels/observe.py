"""Observe one forward: probe it, find who holds its port, and collect signs of life."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from math import inf

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.linux.processes import sockets_of
from checker.model import (
    IPV4_LOOPBACK,
    Answer,
    ExpectKind,
    Forward,
    NodeName,
    NoListener,
    Port,
    ProbeFailed,
    ProcessId,
    Registration,
    Silent,
    Status,
    StayedOpen,
    Tunnel,
    mismatch,
)
from checker.sshd.sessions import login_took_s
from checker.state.ledger import Ledger
from checker.tunnels.attempt import Attempt
from checker.tunnels.deafness import Clocks
from checker.tunnels.due import interval_s
from checker.tunnels.flow import Silence, behind
from checker.tunnels.holders import Held, Holders
from checker.tunnels.loop_lag import Lateness
from checker.tunnels.observation import Observation, with_silence
from checker.tunnels.patience import Patience, Terms
from checker.tunnels.port_owner import Owner, owner_of
from checker.tunnels.probe import Probed, probe
from checker.tunnels.shared_key import INSTANCE, SharedPorts
from checker.tunnels.signs import Reading, Signs

NOT_THERE = frozenset({Status.DOWN, Status.UNKNOWN})
"""A forward in one of these is not probed if the list of listeners shows nobody on its port."""
SNAPSHOT_FRESH_S = 1.0
SNAPSHOT_OF_BEATING_S = 5.0
"""The list of listeners may be as old as this if the connection that held the port still beats, and
its probe was answered: reading it for 2,000 tunnels takes 10 ms.
"""
EARLY_PART = 5
"""After a fifth of its deadline without an answer, a probe has the traffic of its connection read.
"""


class Observer:
    """Probes forwards and collects what is known about each by the end of its probe."""

    def __init__(self, layout: Layout, config: Config, ledger: Ledger) -> None:
        self.layout = layout
        self.config = config
        self.policy = config.policy
        self.ledger = ledger
        self.lateness = Lateness()
        self.uid = config.tunnel_uid
        self.holders = Holders(self.uid, layout.run, ledger)
        self.patience = Patience(self.policy)
        self.clocks = Clocks(time.time(), time.monotonic())
        self.signs = Signs(layout.spool)
        self.slots = asyncio.Semaphore(config.probes_at_once)
        self.registered_at: dict[NodeName, float] = {}
        self.beating_every_s: dict[NodeName, float] = {}
        """How often nodes with a number of their own are probed while they beat."""
        self.shared = SharedPorts()

    def every_s(self, forward: Forward, session: ProcessId | None) -> float:
        """Seconds between two probes of the forward, whose port this connection holds."""
        own_s = self.beating_every_s.get(forward.node)
        beats = self.signs.rhythms.is_beating(session, time.time())
        return interval_s(self.policy, own_s, beats=beats)

    @asynccontextmanager
    async def slot(self, ordinary_s: float) -> AsyncIterator[None]:
        """Take one of the places for probes; give it up after the ordinary time, so that slow links
        delay nobody else.
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
        """Probe the port at its listener's loopback address; if nothing listens there, read the
        listeners again (after `newer_than`) and try the other.
        """
        address = self.holders.loopback(port)
        seen = await probe(
            port, forward.expect, deadline_s, proxy=forward.speaks_proxy, address=address
        )
        other = address
        if isinstance(seen.reply, NoListener):
            await self.holders.listeners(port, newer_than=newer_than)
            other = self.holders.loopback(port)
        elif isinstance(seen.reply, ProbeFailed):
            other = IPV4_LOOPBACK  # a dual listener is reached there even if IPv6 is off
        if other != address:
            return await probe(
                port, forward.expect, deadline_s, proxy=forward.speaks_proxy, address=other
            )
        return seen

    async def probe_timed(
        self, forward: Forward, port: Port, terms: Terms, *, newer_than: float
    ) -> tuple[Probed, float, Reading]:
        """Probe; return with it when it began (monotonic), and the traffic of all connections soon
        after, if the probe took long enough to matter.
        """
        soon: list[asyncio.Task[Reading]] = []
        loop = asyncio.get_running_loop()

        def read_early() -> None:
            # well after the start, so that it shows the acknowledgement of this very probe
            since = time.monotonic() - terms.deadline_s / EARLY_PART / 2
            soon.append(loop.create_task(self.signs.fresh_reading(newer_than=since)))

        async with self.slot(forward.deadline_s or self.policy.deadline_s):
            sent = time.monotonic()
            early = loop.call_later(terms.deadline_s / EARLY_PART, read_early)
            try:
                probed = await self.probed(forward, port, terms.deadline_s, newer_than=newer_than)
            finally:
                early.cancel()
                reading = await soon[0] if soon else ({}, inf)
        return probed, sent, reading

    async def tried(
        self, forward: Forward, port: Port, terms: Terms, before: Tunnel, *, newer_than: float
    ) -> tuple[Probed, float, Reading]:
        """Probe as `probe_timed` does, but if the forward was not there and a list of listeners
        (read after `newer_than`, and since its node registered) shows nobody, connect to nothing.
        """
        since = max(newer_than, self.registered_at.get(forward.node, newer_than))
        if before.status in NOT_THERE:
            await self.holders.listeners(port, newer_than=since)
            if self.holders.table.is_vacant(port, self.uid, newer_than=since):
                none = Probed(reply=NoListener(), latency_ms=0.0, address=IPV4_LOOPBACK)
                return none, time.monotonic(), ({}, inf)
        return await self.probe_timed(forward, port, terms, newer_than=newer_than)

    async def observe(self, forward: Forward, *, at_once: bool = False) -> tuple[Observation, Held]:
        """Probe the forward, and once more if the node's connection registered meanwhile, as that
        probe saw what was before.

        A sweep may miss a listener on ::1 that is younger than its list of sockets; with `at_once`
        none is missed.
        """
        one = await self.attempt(forward, at_once=at_once)
        while self.is_void(forward, one):
            one = await self.attempt(forward, at_once=at_once)
        held = one.held
        if held.session is not None and forward.port in self.shared.held:
            held = await self.under_shared_key(forward, held, held.session)
        self.signs.remember_answer(forward, one.probed.reply, held, one.began_wall)
        seen = self.seen_by(forward, one, held)
        if not one.answered and held.session:
            seen = await self.with_signs(forward, seen, held.session, one)
        if held.session is not None and not self.patience.knows(one.before, held.session):
            login_s = await asyncio.to_thread(login_took_s, held.session)
            self.patience.meet(one.before, held.session, login_s)
        first_s = (one.probed.first_ms or one.probed.latency_ms) / 1000
        flow = seen.flow or self.signs.flows.get(one.before.peer or "")
        self.patience.learn(one.before, seen, first_s, time.monotonic(), flow)
        return seen, held

    async def attempt(self, forward: Forward, *, at_once: bool) -> Attempt:
        """Make one probe, and look up who holds the port at its end."""
        before, began, began_wall = self.ledger.tunnel(forward), time.monotonic(), time.time()
        flow = self.signs.flows.get(before.peer or "")
        beating = self.signs.rhythms.beating(before.session, began_wall)
        terms = self.patience.terms(forward, before, flow, began, beating)
        fresh = began - SNAPSHOT_FRESH_S
        place = await self.holders.place(forward, newer_than=began)
        probed, sent, (earlier, earlier_at) = await self.tried(
            forward, place, terms, before, newer_than=began if at_once else fresh
        )
        answered = isinstance(probed.reply, Answer | StayedOpen)
        held = Held(owner=Owner.NOBODY)
        if not isinstance(probed.reply, NoListener):
            beats = self.signs.rhythms.is_beating(before.session, began_wall)
            known_s = SNAPSHOT_OF_BEATING_S if beats else SNAPSHOT_FRESH_S
            newer_than = began - known_s if answered else time.monotonic()
            held = await self.holder(forward, place, newer_than=newer_than)
        if answered and held.session is None:
            # the list may be older than the listener
            held = await self.holder(forward, place, newer_than=time.monotonic())
            if held.owner is Owner.NOBODY and await self.is_hidden(forward, place, terms):
                self.holders.table.doubt()
        return Attempt(
            before=before,
            began=began,
            sent=sent,
            began_wall=began_wall,
            terms=terms,
            place=place,
            probed=probed,
            answered=answered,
            earlier=earlier,
            earlier_at=earlier_at,
            held=held,
        )

    async def is_hidden(self, forward: Forward, place: Port, terms: Terms) -> bool:
        """Whether a port answers again that the list again shows without a listener. One that was
        closed just after it answered does not.
        """
        now = time.monotonic()
        again = await self.probed(forward, place, terms.deadline_s, newer_than=now)
        if not isinstance(again.reply, Answer | StayedOpen):
            return False
        found = await self.holders.listeners(place, newer_than=time.monotonic())
        return owner_of(found, self.uid) is Owner.NOBODY

    def is_void(self, forward: Forward, one: Attempt) -> bool:
        """Whether the probe says nothing about the present: the node's connection registered during
        it, or its listener moved to the other loopback address.
        """
        moved = (
            isinstance(one.probed.reply, Silent)
            and self.holders.loopback(one.place) == IPV4_LOOPBACK != one.probed.address
        )
        return moved or self.registered_at.get(forward.node, float("-inf")) >= one.began

    def seen_by(self, forward: Forward, one: Attempt, held: Held) -> Observation:
        """Return what the probe saw, before any sign of life is looked for."""
        struck = self.patience.since(forward.port, held.session)
        ended = time.monotonic()
        return Observation(
            reply=one.probed.reply,
            owner=held.owner,
            session=held.session,
            stranger=held.stranger,
            latency_ms=one.probed.latency_ms,
            late_s=self.lateness.worst_since(one.began),
            expect=forward.expect,
            deadline_s=one.terms.deadline_s,
            silent_s=ended - (struck.began if struck else one.sent),
            probe_s=ended - one.sent,
            silence_s=self.enough_s(one, ended),
            hurried=one.terms.hurried,
            beaten_at=self.signs.beats.get(held.session) if held.session else None,
            shared=self.is_shared(forward, held.session),
            other_key=self.other_key(forward),
        )

    def enough_s(self, one: Attempt, ended: float) -> float:
        """Return the silence needed; an answer needs none, and no look at all connections."""
        silence_s = one.terms.silence_s
        return silence_s if one.answered else self.patience.enough_s(silence_s, ended)

    async def doubted(self) -> frozenset[ProcessId]:
        """Return the connections that fell into doubt since the last call. After the clock was set,
        or the gateway slept, the beats before prove nothing.
        """
        jumped, stood_still = self.clocks.look(time.time(), time.monotonic())
        if jumped:
            self.signs.rhythms.forget()
        if jumped or stood_still:
            self.patience.deafness.slept_at = time.monotonic()
        return await self.signs.doubted()

    def other_key(self, forward: Forward) -> str:
        """Return how the host key that the target showed last differs from the pinned one, as a
        clause; empty if it does not, or the forward does not expect its host key.
        """
        if forward.expect.kind is not ExpectKind.HOSTKEY:
            return ""
        return mismatch(self.ledger.shown.get((forward.node, forward.port)), forward.host_key)

    async def holder(self, forward: Forward, place: Port, *, newer_than: float) -> Held:
        """Return who holds the port that was probed, even if the forward has moved since."""
        return replace(
            await self.holders.held_at(place, forward, newer_than=newer_than), port=place
        )

    async def with_signs(
        self, forward: Forward, seen: Observation, session: ProcessId, one: Attempt
    ) -> Observation:
        """Add to an observation without an answer what beats, siblings and the kernel show of this
        connection.
        """
        asked_at = time.monotonic()
        beaten_at = await self.signs.beaten_at(session)
        peer = await self.peer_of(session, one.before if one.before.session == session else None)
        now = (
            (await self.signs.fresh_flows(newer_than=asked_at)).get(peer)
            if isinstance(seen.reply, Silent)
            else None
        )
        life = self.signs.of_life(forward, session, beaten_at, time.time() - seen.silent_s)
        seen = replace(seen, beaten_at=beaten_at, life=life, flow=now)
        if now is None:
            return seen
        reached = one.reached(peer, now, self.signs.flows_read_at)
        seen = replace(seen, reached=reached)
        beating = self.signs.rhythms.beating(session, time.time())
        pause_s = self.patience.pause_s(forward, one.before, seen, time.monotonic(), beating)
        seen = replace(seen, pause_s=pause_s)
        struck = self.patience.since(forward.port, session)
        then = struck.flow if struck and struck.flow else one.earlier.get(peer)
        excuse = behind(then, now, self.patience.excused_s(forward.port, asked_at)) if then else ""
        # added so that the kernel's coarse clock errs towards life
        took_s = time.monotonic() - asked_at
        silence = Silence(
            heard_ago_s=now.heard_ago_s,
            since_s=seen.silent_s + took_s,
            probe_s=seen.probe_s + took_s,
        )
        configured_s = forward.deadline_s or self.policy.deadline_s
        return replace(with_silence(seen, silence, configured_s), behind=excuse)

    def is_shared(self, forward: Forward, session: ProcessId | None) -> bool:
        """Whether a connection of the shared key may hold the port: not if a node registered it
        with a key of its own.
        """
        known = self.ledger.registrations.get(session) if session else None
        return forward.port in self.shared.held and (known is None or known.instance == INSTANCE)

    async def under_shared_key(self, forward: Forward, held: Held, session: ProcessId) -> Held:
        """Return who holds a port that the shared key opens; a connection that another node made
        with its own key is foreign and never killed.
        """
        known = self.ledger.registrations.get(session)
        if known is not None and known.instance != INSTANCE:
            return (
                held
                if known.node == forward.node
                else Held(owner=Owner.FOREIGN, stranger=f"the connection of node {known.node}")
            )
        inodes = await asyncio.to_thread(sockets_of, session.pid) or frozenset()
        owned = sorted(self.holders.table.ports_of(inodes) & self.shared.owned)
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
        """Return where a connection comes from, by its registration or else by its sockets; empty
        if neither shows it.
        """
        registration = self.ledger.registrations.get(session)
        peer = (registration.peer if registration else "") or (
            (known.peer if known else None) or ""
        )
        return peer or await self.holders.peer_of(session)
