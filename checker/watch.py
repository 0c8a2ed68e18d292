"""Watching one forward: probe it, see who holds it, judge, and carry out what was judged."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from checker.clones import CONDITION, Clones
from checker.config import Config, Layout
from checker.flow import Flow, Silence, behind
from checker.holders import login_took_s, sockets_of
from checker.holdings import Held, Holdings
from checker.judge import (
    IPV4_LOOPBACK,
    CannotKill,
    Judgement,
    Kill,
    LookAgain,
    Nothing,
    Observation,
    Owner,
    Recheck,
    by_hour,
    judge,
    lost,
    wait_for,
    watched,
    with_silence,
)
from checker.kill import Ending, Freed, Spared, end_session
from checker.lateness import Lateness
from checker.ledger import Ledger
from checker.model import (
    Answer,
    EventKind,
    Flaps,
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
)
from checker.patience import Patience, Terms
from checker.probe import Probed, probe
from checker.sharing.shared import INSTANCE, SharedPorts
from checker.signs import Signs

log = logging.getLogger(__name__)
SNAPSHOT_FRESH_S = 1.0
EARLY_PART = 5
"""A probe that takes longer than a fifth of its deadline has its connection looked at, to tell what moves on it."""
ENDED_KEPT = 256
"""Sessions that were ended lately: no other forward of theirs ends them again."""
STARVED_ROUNDS = 3
"""Probes that may come to nothing before it is left to the next sweep: a gateway that stays starved must still answer."""


@dataclass(slots=True)
class Turn:
    """The last finished probe of one port, and the lock of the next."""

    lock: asyncio.Lock
    ended_at: float = float("-inf")
    judgement: Judgement | None = None


class Watcher:
    """Probes forwards, never one port twice at a time, and does what the judge says."""

    def __init__(self, layout: Layout, config: Config, ledger: Ledger) -> None:
        self.layout = layout
        self.config = config
        self.policy = config.policy
        self.ledger = ledger
        self.lateness = Lateness()
        self.uid = config.tunnel_uid
        self.holdings = Holdings(self.uid, layout.run, ledger)
        self.clones = Clones(self.policy)
        self.turns: defaultdict[Port, Turn] = defaultdict(lambda: Turn(asyncio.Lock()))
        self.slots = asyncio.Semaphore(config.probes_at_once)
        self.patience = Patience(self.policy)
        self.signs = Signs(layout.spool)
        self.registered_at: dict[NodeName, float] = {}
        self.ending: WeakValueDictionary[ProcessId, asyncio.Lock] = WeakValueDictionary()
        self.ended: deque[ProcessId] = deque(maxlen=ENDED_KEPT)
        self.shared = SharedPorts()

    async def settle(self, forward: Forward, *, actor: str = "daemon", until: float = math.inf) -> Judgement:
        """Probe until it is clear: a first strike is followed by the next one soon, a last one by the kill.

        What is not clear by `until` (monotonic) is left to the sweep; the action is a Recheck then.
        """
        judgement = await self.look(forward, actor=actor, until=until)
        for _ in range(self.policy.strikes + STARVED_ROUNDS):
            if not isinstance(judgement.action, Recheck) or time.monotonic() + judgement.action.after_s >= until:
                break
            await asyncio.sleep(judgement.action.after_s)
            judgement = await self.look(forward, actor=actor, until=until)
        return judgement

    async def look(self, forward: Forward, *, actor: str = "daemon", until: float = math.inf) -> Judgement:
        """One probe, judged and acted on; one that was under way already serves all who wait for it.

        What is not known by `until` (monotonic) is left as it is, to be looked at again.
        """
        asked_at = time.monotonic()
        turn = self.turns[forward.port]
        try:
            async with asyncio.timeout(None if until == math.inf else max(0.0, until - asked_at)) as limit, turn.lock:
                if turn.judgement is not None and turn.ended_at >= asked_at:
                    return turn.judgement
                seen, held = await self.observe(forward, at_once=actor != "daemon")
                limit.reschedule(None)  # what is to be done now is done whole
                turn.judgement = await self.conclude(forward, seen, held, actor)
                turn.ended_at = time.monotonic()
                return turn.judgement
        except TimeoutError:
            tunnel = self.ledger.tunnel(forward)
            return Judgement(tunnel=tunnel, flaps=self.ledger.flaps.get(forward.node, Flaps()), action=Recheck(self.policy.strike_gap_s))

    @asynccontextmanager
    async def slot(self, ordinary_s: float) -> AsyncIterator[None]:
        """Take one of the places for probes; who needs longer than ordinary gives it up, so that slow links delay nobody else."""
        await self.slots.acquire()
        taken = [self.slots]
        early = asyncio.get_running_loop().call_later(ordinary_s, lambda: taken.pop().release())
        try:
            yield
        finally:
            early.cancel()
            for place in taken:
                place.release()

    async def probed(self, forward: Forward, deadline_s: float, *, newer_than: float) -> Probed:
        """Probe the loopback address of the port's listener; if nothing listens, look for it in a listing after `newer_than`."""
        address = self.holdings.loopback(forward.port)
        seen = await probe(forward.port, forward.expect, deadline_s, proxy=forward.speaks_proxy, address=address)
        other = address
        if isinstance(seen.reply, NoListener):
            await self.holdings.listeners(forward.port, newer_than=newer_than)
            other = self.holdings.loopback(forward.port)
        elif isinstance(seen.reply, ProbeFailed):
            other = IPV4_LOOPBACK  # a dual listener is reached there even if IPv6 is off
        if other != address:
            return await probe(forward.port, forward.expect, deadline_s, proxy=forward.speaks_proxy, address=other)
        return seen

    async def probe_timed(self, forward: Forward, terms: Terms, *, newer_than: float) -> tuple[Probed, Mapping[str, Flow]]:
        """A probe, and what had moved on all connections soon after it began, if it took long enough to matter."""
        soon: list[asyncio.Task[Mapping[str, Flow]]] = []
        loop = asyncio.get_running_loop()

        def look() -> None:
            soon.append(loop.create_task(self.signs.fresh_flows(newer_than=time.monotonic() - SNAPSHOT_FRESH_S)))

        early = loop.call_later(terms.deadline_s / EARLY_PART, look)
        try:
            async with self.slot(forward.deadline_s or self.policy.deadline_s):
                probed = await self.probed(forward, terms.deadline_s, newer_than=newer_than)
        finally:
            early.cancel()
            flows = await soon[0] if soon else {}
        return probed, flows

    async def observe(self, forward: Forward, *, at_once: bool = False) -> tuple[Observation, Held]:
        """What a probe sees; begun anew if the node's connection registered meanwhile, as it saw what was before.

        A sweep may miss a listener on ::1 that is younger than its listing of sockets; with `at_once` none is missed.
        """
        while True:
            before, began, began_wall = self.ledger.tunnel(forward), time.monotonic(), time.time()
            terms = self.patience.terms(forward, before, self.signs.flows.get(before.peer or ""), began)
            newer_than = began if at_once else began - SNAPSHOT_FRESH_S
            probed, earlier = await self.probe_timed(forward, terms, newer_than=newer_than)
            answered = isinstance(probed.reply, Answer | StayedOpen)
            if isinstance(probed.reply, NoListener):
                held = Held(owner=Owner.NOBODY)
            else:
                held = await self.holdings.held(forward, newer_than=began - SNAPSHOT_FRESH_S if answered else time.monotonic())
            if answered and held.session is None:
                held = await self.holdings.held(forward, newer_than=time.monotonic())  # the listing may be older than the listener
            moved = isinstance(probed.reply, Silent) and self.holdings.loopback(forward.port) == IPV4_LOOPBACK != probed.address
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
            self.patience.meet(before, held.session, await asyncio.to_thread(login_took_s, held.session))
        first_s = (probed.first_ms or probed.latency_ms) / 1000
        self.patience.learn(before, seen, first_s)
        return seen, held

    async def with_signs(
        self, forward: Forward, seen: Observation, session: ProcessId, before: Tunnel, earlier: Mapping[str, Flow]
    ) -> Observation:
        """The observation of no answer, with what beats, siblings and the kernel say of this connection."""
        asked_at = time.monotonic()
        beaten_at = await self.signs.beaten_at(session)
        peer = await self.peer_of(session, before if before.session == session else None)
        now = (await self.signs.fresh_flows(newer_than=asked_at)).get(peer) if isinstance(seen.reply, Silent) else None
        struck, configured_s = self.patience.since(forward.port, session), forward.deadline_s or self.policy.deadline_s
        life = self.signs.of_life(forward, session, beaten_at, time.time() - seen.silent_s)
        seen = replace(seen, beaten_at=beaten_at, life=life, flow=now)
        if now is None:
            return seen
        then = struck.flow if struck and struck.flow else earlier.get(peer)
        excuse = behind(then, now, self.patience.excused_s(forward.port, asked_at)) if then else ""
        took_s = time.monotonic() - asked_at  # added, so that what the kernel's coarse clock leaves open is taken for life
        silence = Silence(heard_ago_s=now.heard_ago_s, since_s=seen.silent_s + took_s, probe_s=seen.probe_s + took_s)
        return replace(with_silence(seen, silence, configured_s), behind=excuse)

    def is_shared(self, forward: Forward, session: ProcessId | None) -> bool:
        """Whether the shared key may have opened the port: not where a node holds it with a key of its own."""
        known = self.ledger.registrations.get(session) if session else None
        return forward.port in self.shared.held and (known is None or known.instance == INSTANCE)

    async def under_shared_key(self, forward: Forward, held: Held, session: ProcessId) -> Held:
        """Who holds a port that the shared key opens; a connection that a node made with its own key is another's, never to be ended."""
        known = self.ledger.registrations.get(session)
        if known is not None and known.instance != INSTANCE:
            return held if known.node == forward.node else Held(owner=Owner.FOREIGN, stranger=f"the connection of node {known.node}")
        inodes = await asyncio.to_thread(sockets_of, session.pid) or frozenset()
        owned = sorted(port for port in self.shared.owned if any(one.inode in inodes for one in self.holdings.by_port.get(port, ())))
        if owned:
            return Held(owner=Owner.FOREIGN, stranger=f"the connection that also holds port {owned[0]} of a node with a key of its own")
        if known is None:
            made = Registration(node=forward.node, instance=INSTANCE, session=session, peer="", registered_at=time.time())
            self.ledger.register(made)
        return held

    async def conclude(self, forward: Forward, seen: Observation, held: Held, actor: str) -> Judgement:
        """Judge, act, and write down both."""
        before = self.ledger.tunnel(forward)
        judgement = judge(seen, before, self.ledger.flaps.get(forward.node, Flaps()), self.policy, time.time())
        after = self.with_clone(await self.with_peer(judgement.tunnel))
        self.patience.note(after, seen, time.time(), time.monotonic())
        self.write_down(before, after, judgement.flaps)
        match judgement.action:
            case Kill(session):
                await self.end(forward, session, held.inodes, actor=actor, why=why_killed(seen, after))
            case CannotKill():
                self.tell_once(before, after)
            case Nothing() | Recheck() | LookAgain():
                pass
        return replace(judgement, tunnel=self.ledger.tunnel(forward))

    async def with_peer(self, tunnel: Tunnel) -> Tunnel:
        """The tunnel with where its connection comes from."""
        if tunnel.session is None:
            return tunnel
        peer = await self.peer_of(tunnel.session, tunnel)
        flow = self.signs.flows.get(peer)
        return replace(tunnel, peer=peer or None, bytes_total=flow.carried if flow else None)

    async def peer_of(self, session: ProcessId, known: Tunnel | None) -> str:
        """Where a connection comes from: its registration tells, else its sockets do; empty if neither does."""
        registration = self.ledger.registrations.get(session)
        peer = (registration.peer if registration else "") or ((known.peer if known else None) or "")
        return peer or await asyncio.to_thread(self.holdings.peer_of, session)

    def with_clone(self, tunnel: Tunnel) -> Tunnel:
        """The tunnel with what is known of its node's key beside what the probe saw."""
        note = self.clones.note(tunnel.node, time.monotonic())
        seen = tunnel.detail.partition(CONDITION)[0].removesuffix("; ")
        return replace(tunnel, detail="; ".join(part for part in (seen, note) if part)) if note else tunnel

    def write_down(self, before: Tunnel, after: Tunnel, flaps: Flaps) -> None:
        """The new state, its time in the roll-ups, and an event where the status changed."""
        self.ledger.put(after)
        self.ledger.put_flaps(after.node, flaps)
        day = time.strftime("%Y-%m-%d", time.gmtime())
        if before.probed_at != after.probed_at and after.port not in self.ledger.sightings.by_port:
            lately = watched(before, after, self.policy, day)
            self.ledger.uptime.append((after.node, after.port, lately))
            self.ledger.hours.extend(by_hour(after, lately))
        if before.status is not after.status:
            text = f"{before.status} -> {after.status}" + (f": {after.detail}" if after.detail else "")
            self.ledger.tell(EventKind.STATUS, text, node=after.node, port=after.port)

    def tell_once(self, before: Tunnel, after: Tunnel) -> None:
        """That a hung port can not be freed is told when it becomes so."""
        if before.strikes < self.policy.strikes or before.verdict != after.verdict:
            self.ledger.tell(
                EventKind.KILL_FAILED,
                f"{after.status}, and its sshd process can not be found: run the daemon as root, or let the node use hold",
                node=after.node,
                port=after.port,
            )

    async def end(self, forward: Forward, session: ProcessId, inodes: frozenset[int], *, actor: str, why: str) -> Ending:
        """Kill a session, and write down what came of it; the forwards of one connection hang together, and it is killed once."""
        async with self.ending.setdefault(session, asyncio.Lock()):
            again = session in self.ended
            ending = Freed() if again else await end_session(session, forward.port, self.uid, inodes)
            if isinstance(ending, Freed):
                self.ended.append(session)
        before = self.ledger.tunnel(forward)
        match ending:
            case Freed() if again:
                text = f"sshd process {session.pid} was killed for another of its forwards"
                verdict = wait_for(self.ledger.flaps.get(forward.node, Flaps()), self.policy)
                self.ledger.put(replace(freed(before, text, verdict, time.time()), kills=before.kills))
                self.patience.struck.pop(forward.port, None)
            case Freed():
                text = f"killed sshd process {session.pid}, the port is free; {why}"
                self.ledger.tell(EventKind.KILL, text, node=forward.node, port=forward.port, actor=actor)
                flaps = lost(self.ledger.flaps.get(forward.node, Flaps()), session, self.policy, time.time())
                self.ledger.put_flaps(forward.node, flaps)
                self.ledger.put(freed(before, text, wait_for(flaps, self.policy), time.time()))
                self.patience.struck.pop(forward.port, None)
            case Spared(reason):
                self.ledger.tell(EventKind.KILL_FAILED, f"not killed: {reason}", node=forward.node, port=forward.port, actor=actor)
        return ending


def why_killed(seen: Observation, after: Tunnel) -> str:
    """What ends a tunnel, as a clause."""
    if isinstance(seen.reply, Answer):
        what = "hung: only a part of the expected answer came" if seen.reply.begun else "wrong: another answer than expected came"
        return f"{what}, {after.strikes} times in a row"
    return f"hung: nothing came in {seen.silent_s:.0f} s, {after.strikes} probes in a row"


def freed(before: Tunnel, text: str, verdict: int, now: float) -> Tunnel:
    """A tunnel after its session was ended: nobody listens, until the node is back."""
    since = before.since if before.status is Status.DOWN else now
    return replace(
        before,
        status=Status.DOWN,
        detail=text,
        latency_ms=None,
        session=None,
        peer=None,
        bytes_total=None,
        since=since,
        kills=before.kills + 1,
        strikes=0,
        verdict=verdict,
    )



