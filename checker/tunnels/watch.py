"""Watching one forward: probe it, see who holds it, judge, and carry out what was judged."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.model import (
    Answer,
    EventKind,
    Flaps,
    Forward,
    NodeName,
    Port,
    ProcessId,
    Status,
    Tunnel,
)
from checker.registry.succession import moving_note
from checker.sshd.kill import Ending, Freed, Spared, end_session
from checker.state.ledger import Ledger
from checker.tunnels.cloned_keys import CONDITION, Clones
from checker.tunnels.holders import Held
from checker.tunnels.judge import (
    CannotKill,
    Judgement,
    Kill,
    LookAgain,
    Nothing,
    Observation,
    Recheck,
    by_hour,
    judge,
    lost,
    wait_for,
    watched,
)
from checker.tunnels.observe import Observer

log = logging.getLogger(__name__)
ENDED_KEPT = 256
"""Sessions that were ended lately: no other forward of theirs ends them again."""
STARVED_ROUNDS = 3
"""Probes that may come to nothing before it is left to the next sweep: a gateway that stays starved
must still answer.
"""


@dataclass(slots=True)
class Turn:
    """The last finished probe of one port, and the lock of the next."""

    lock: asyncio.Lock
    ended_at: float = float("-inf")
    judgement: Judgement | None = None


class Watcher(Observer):
    """Probes forwards, never one port twice at a time, and does what the judge says."""

    def __init__(self, layout: Layout, config: Config, ledger: Ledger) -> None:
        super().__init__(layout, config, ledger)
        self.clones = Clones(self.policy)
        self.turns: defaultdict[Port, Turn] = defaultdict(lambda: Turn(asyncio.Lock()))
        self.ending: WeakValueDictionary[ProcessId, asyncio.Lock] = WeakValueDictionary()
        self.ended: deque[ProcessId] = deque(maxlen=ENDED_KEPT)
        self.waiting: dict[NodeName, str] = {}
        """What is said of nodes that have two keys."""

    async def settle(
        self, forward: Forward, *, actor: str = "daemon", until: float = math.inf
    ) -> Judgement:
        """Probe until it is clear: a first strike is followed by the next one soon, a last one by
        the kill.

        What is not clear by `until` (monotonic) is left to the sweep; the action is a Recheck then.
        """
        judgement = await self.look(forward, actor=actor, until=until)
        for _ in range(self.policy.strikes + STARVED_ROUNDS):
            if (
                not isinstance(judgement.action, Recheck)
                or time.monotonic() + judgement.action.after_s >= until
            ):
                break
            await asyncio.sleep(judgement.action.after_s)
            judgement = await self.look(forward, actor=actor, until=until)
        return judgement

    async def look(
        self, forward: Forward, *, actor: str = "daemon", until: float = math.inf
    ) -> Judgement:
        """One probe, judged and acted on; one that was under way already serves all who wait for
        it.

        What is not known by `until` (monotonic) is left as it is, to be looked at again.
        """
        asked_at = time.monotonic()
        turn = self.turns[forward.port]
        try:
            async with (
                asyncio.timeout(None if until == math.inf else max(0.0, until - asked_at)) as limit,
                turn.lock,
            ):
                if turn.judgement is not None and turn.ended_at >= asked_at:
                    return turn.judgement
                seen, held = await self.observe(forward, at_once=actor != "daemon")
                limit.reschedule(None)  # what is to be done now is done whole
                turn.judgement = await self.conclude(forward, seen, held, actor)
                turn.ended_at = time.monotonic()
                return turn.judgement
        except TimeoutError:
            # the last one may be of an earlier connection
            tunnel = replace(self.ledger.tunnel(forward), verdict=0)
            return Judgement(
                tunnel=tunnel,
                flaps=self.ledger.flaps.get(forward.node, Flaps()),
                action=Recheck(self.policy.strike_gap_s),
            )

    async def conclude(
        self, forward: Forward, seen: Observation, held: Held, actor: str
    ) -> Judgement:
        """Judge, act, and write down both."""
        before = self.ledger.tunnel(forward)
        judgement = judge(
            seen, before, self.ledger.flaps.get(forward.node, Flaps()), self.policy, time.time()
        )
        after = self.with_clone(
            self.with_waiting(await self.with_peer(judgement.tunnel), forward, held)
        )
        self.patience.note(after, seen, time.time(), time.monotonic())
        self.write_down(before, after, judgement.flaps)
        match judgement.action:
            case Kill(session):
                await self.end(
                    forward, session, held.inodes, actor=actor, why=why_killed(seen, after)
                )
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

    def with_waiting(self, tunnel: Tunnel, forward: Forward, held: Held) -> Tunnel:
        """The tunnel with what still waits for its device beside what the probe saw."""
        notes = (
            self.waiting.get(forward.node, ""),
            moving_note(forward, held.port if held.session else None),
        )
        return replace(tunnel, detail="; ".join(part for part in (tunnel.detail, *notes) if part))

    def with_clone(self, tunnel: Tunnel) -> Tunnel:
        """The tunnel with what is known of its node's key beside what the probe saw."""
        note = self.clones.note(tunnel.node, time.monotonic())
        seen = tunnel.detail.partition(CONDITION)[0].removesuffix("; ")
        return (
            replace(tunnel, detail="; ".join(part for part in (seen, note) if part))
            if note
            else tunnel
        )

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
            text = f"{before.status} -> {after.status}" + (
                f": {after.detail}" if after.detail else ""
            )
            self.ledger.tell(EventKind.STATUS, text, node=after.node, port=after.port)

    def tell_once(self, before: Tunnel, after: Tunnel) -> None:
        """That a hung port can not be freed is told when it becomes so."""
        if before.strikes < self.policy.strikes or before.verdict != after.verdict:
            self.ledger.tell(
                EventKind.KILL_FAILED,
                f"{after.status}, and its sshd process can not be found: run the daemon as root, or"
                " let the node use hold",
                node=after.node,
                port=after.port,
            )

    async def end(
        self, forward: Forward, session: ProcessId, inodes: frozenset[int], *, actor: str, why: str
    ) -> Ending:
        """Kill a session, and write down what came of it; the forwards of one connection hang
        together, and it is killed once.
        """
        async with self.ending.setdefault(session, asyncio.Lock()):
            again = session in self.ended
            ending = (
                Freed()
                if again
                else await end_session(
                    session, self.holdings.port_of(forward, inodes), self.uid, inodes
                )
            )
            if isinstance(ending, Freed):
                self.ended.append(session)
        before = self.ledger.tunnel(forward)
        match ending:
            case Freed() if again:
                text = f"sshd process {session.pid} was killed for another of its forwards"
                verdict = wait_for(self.ledger.flaps.get(forward.node, Flaps()), self.policy)
                self.ledger.put(
                    replace(freed(before, text, verdict, time.time()), kills=before.kills)
                )
                self.patience.struck.pop(forward.port, None)
            case Freed():
                text = f"killed sshd process {session.pid}, the port is free; {why}"
                self.ledger.tell(
                    EventKind.KILL, text, node=forward.node, port=forward.port, actor=actor
                )
                flaps = lost(
                    self.ledger.flaps.get(forward.node, Flaps()), session, self.policy, time.time()
                )
                self.ledger.put_flaps(forward.node, flaps)
                self.ledger.put(freed(before, text, wait_for(flaps, self.policy), time.time()))
                self.patience.struck.pop(forward.port, None)
            case Spared(reason):
                self.ledger.tell(
                    EventKind.KILL_FAILED,
                    f"not killed: {reason}",
                    node=forward.node,
                    port=forward.port,
                    actor=actor,
                )
        return ending


def why_killed(seen: Observation, after: Tunnel) -> str:
    """What ends a tunnel, as a clause."""
    if isinstance(seen.reply, Answer):
        what = (
            "hung: only a part of the expected answer came"
            if seen.reply.begun
            else "wrong: another answer than expected came"
        )
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
