"""Watching one forward: probe it, see who holds it, judge, and carry out what was judged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from checker import beats
from checker.clones import CONDITION, Clones
from checker.config import Config, Layout
from checker.holders import sockets_of
from checker.holdings import Held, Holdings
from checker.judge import (
    CannotKill,
    Judgement,
    Kill,
    Nothing,
    Observation,
    Owner,
    Recheck,
    by_hour,
    judge,
    lost,
    wait_for,
    watched,
)
from checker.kill import Ending, Freed, Spared, end_session
from checker.lateness import Lateness
from checker.ledger import Ledger
from checker.model import (
    Answer,
    Closed,
    EventKind,
    Flaps,
    Forward,
    NodeName,
    NoListener,
    Port,
    ProcessId,
    Registration,
    Reply,
    Status,
    StayedOpen,
    Tunnel,
)
from checker.probe import probe
from checker.sharing.shared import INSTANCE, SharedPorts
from checker.sockdiag import carried
from checker.succession import moving_note

log = logging.getLogger(__name__)
SNAPSHOT_FRESH_S = 1.0
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
        self.struck_at: dict[Port, float] = {}
        self.answered: dict[Port, tuple[ProcessId, float]] = {}
        self.registered_at: dict[NodeName, float] = {}
        self.beats: dict[ProcessId, float] = {}
        self.carried: dict[str, int] = {}
        self.ending: WeakValueDictionary[ProcessId, asyncio.Lock] = WeakValueDictionary()
        self.ended: deque[ProcessId] = deque(maxlen=ENDED_KEPT)
        self.shared = SharedPorts()
        self.waiting: dict[NodeName, str] = {}
        """What is said of nodes that have two keys."""

    async def settle(self, forward: Forward, *, actor: str = "daemon") -> Judgement:
        """Probe until it is clear: a first strike is followed by the next one soon, a last one by the kill."""
        judgement = await self.look(forward, actor=actor)
        for _ in range(self.policy.strikes + STARVED_ROUNDS):
            if not isinstance(judgement.action, Recheck):
                break
            await asyncio.sleep(judgement.action.after_s)
            judgement = await self.look(forward, actor=actor)
        return judgement

    async def look(self, forward: Forward, *, actor: str = "daemon") -> Judgement:
        """One probe, judged and acted on; one that was under way already serves all who wait for it."""
        asked_at = time.monotonic()
        turn = self.turns[forward.port]
        async with turn.lock:
            if turn.judgement is not None and turn.ended_at >= asked_at:
                return turn.judgement
            async with self.slots:
                seen, held = await self.observe(forward)
            turn.judgement = await self.conclude(forward, seen, held, actor)
            turn.ended_at = time.monotonic()
            return turn.judgement

    async def read_beats(self) -> None:
        """Look when each connection last beat: for all at once, as one by one costs more than the probe."""
        self.beats = await asyncio.to_thread(beats.all_beats, self.layout.spool)

    async def read_carried(self) -> None:
        """Look how much each connection carried: for all at once, as one by one costs more than the probe."""
        try:
            self.carried = await asyncio.to_thread(carried)
        except OSError:
            self.carried = {}  # a sandbox may refuse netlink

    async def observe(self, forward: Forward) -> tuple[Observation, Held]:
        """What a probe sees; begun anew if the node's connection registered meanwhile, as it saw what was before."""
        deadline_s = forward.deadline_s or self.policy.deadline_s
        while True:
            began, began_wall = time.monotonic(), time.time()
            place = await self.holdings.place(forward, newer_than=began)
            probed = await probe(place, forward.expect, deadline_s, proxy=forward.speaks_proxy)
            answered = isinstance(probed.reply, Answer | StayedOpen)
            if isinstance(probed.reply, NoListener):
                held = Held(owner=Owner.NOBODY)
            else:
                held = await self.holdings.held(forward, newer_than=began - SNAPSHOT_FRESH_S if answered else time.monotonic())
            if answered and held.session is None:
                held = await self.holdings.held(forward, newer_than=time.monotonic())  # the listing may be older than the listener
            if self.registered_at.get(forward.node, float("-inf")) < began:
                break
        if held.session is not None and forward.port in self.shared.held:
            held = await self.under_shared_key(forward, held, held.session)
        beaten_at = self.beats.get(held.session) if held.session else None
        if not answered and held.session:
            beaten_at = await asyncio.to_thread(beats.beaten_at, self.layout.spool, held.session)
        self.remember_answer(forward, probed.reply, held, began_wall)
        seen = Observation(
            reply=probed.reply,
            owner=held.owner,
            session=held.session,
            stranger=held.stranger,
            latency_ms=probed.latency_ms,
            late_s=self.lateness.worst_since(began),
            life="" if answered else self.sign_of_life(forward, held.session, beaten_at, self.struck_at.get(forward.port, began_wall)),
            expect=forward.expect,
            deadline_s=deadline_s,
            beaten_at=beaten_at,
            shared=self.is_shared(forward, held.session),
        )
        return seen, held

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

    def remember_answer(self, forward: Forward, reply: Reply, held: Held, began_wall: float) -> None:
        """That something came through this connection; a refusal comes from the node too, if the listener outlived it."""
        if held.session is not None and isinstance(reply, Answer | Closed):
            self.answered[forward.port] = (held.session, began_wall)

    def sign_of_life(self, forward: Forward, session: ProcessId | None, beaten_at: float | None, since: float) -> str:
        """What showed this very connection to be alive after `since` (Unix seconds), as a clause; empty for nothing."""
        if beaten_at is not None and beaten_at > since:
            return "its beats arrive"
        for port, (other, at) in self.answered.items():
            if port != forward.port and other == session and at > since:
                return f"port {port} of the same connection answers"
        return ""

    async def conclude(self, forward: Forward, seen: Observation, held: Held, actor: str) -> Judgement:
        """Judge, act, and write down both."""
        before = self.ledger.tunnel(forward)
        judgement = judge(seen, before, self.ledger.flaps.get(forward.node, Flaps()), self.policy, time.time())
        after = self.with_clone(self.with_waiting(await self.with_peer(judgement.tunnel), forward, held))
        if after.strikes == 1:
            self.struck_at[forward.port] = time.time() - seen.deadline_s
        elif not after.strikes:
            self.struck_at.pop(forward.port, None)
        self.write_down(before, after, judgement.flaps)
        match judgement.action:
            case Kill(session):
                what = "hung: nothing came" if after.status is Status.HUNG else "wrong: another answer than expected came"
                why = f"{what} in {seen.deadline_s:g} s, {after.strikes} times in a row"
                await self.end(forward, session, held.inodes, actor=actor, why=why)
            case CannotKill():
                self.tell_once(before, after)
            case Nothing() | Recheck():
                pass
        return replace(judgement, tunnel=self.ledger.tunnel(forward))

    async def with_peer(self, tunnel: Tunnel) -> Tunnel:
        """The tunnel with where its connection comes from: its registration tells, else its sockets do."""
        if tunnel.session is None:
            return tunnel
        registration = self.ledger.registrations.get(tunnel.session)
        known = (registration.peer if registration else "") or tunnel.peer
        peer = known or await asyncio.to_thread(self.holdings.peer_of, tunnel.session)
        return replace(tunnel, peer=peer or None, bytes_total=self.carried.get(peer or ""))

    def with_waiting(self, tunnel: Tunnel, forward: Forward, held: Held) -> Tunnel:
        """The tunnel with what still waits for its device beside what the probe saw."""
        notes = (self.waiting.get(forward.node, ""), moving_note(forward, held.port if held.session else None))
        return replace(tunnel, detail="; ".join(part for part in (tunnel.detail, *notes) if part))

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
        if before.strikes < self.policy.strikes:
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
            ending = Freed() if again else await end_session(session, self.holdings.port_of(forward, inodes), self.uid, inodes)
            if isinstance(ending, Freed):
                self.ended.append(session)
        before = self.ledger.tunnel(forward)
        match ending:
            case Freed() if again:
                text = f"sshd process {session.pid} was killed for another of its forwards"
                verdict = wait_for(self.ledger.flaps.get(forward.node, Flaps()), self.policy)
                self.ledger.put(replace(freed(before, text, verdict, time.time()), kills=before.kills))
                self.struck_at.pop(forward.port, None)
            case Freed():
                text = f"killed sshd process {session.pid}, the port is free; {why}"
                self.ledger.tell(EventKind.KILL, text, node=forward.node, port=forward.port, actor=actor)
                flaps = lost(self.ledger.flaps.get(forward.node, Flaps()), session, self.policy, time.time())
                self.ledger.put_flaps(forward.node, flaps)
                self.ledger.put(freed(before, text, wait_for(flaps, self.policy), time.time()))
                self.struck_at.pop(forward.port, None)
            case Spared(reason):
                self.ledger.tell(EventKind.KILL_FAILED, f"not killed: {reason}", node=forward.node, port=forward.port, actor=actor)
        return ending


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



