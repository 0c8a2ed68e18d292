"""Watching one forward: probe it, see who holds it, judge, and carry out what was judged."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.model import (
    Forward,
    NodeName,
    Port,
    ProcessId,
    Tunnel,
)
from checker.registry.succession import moving_note
from checker.sshd.kill import Ending, Freed, Spared, end_session
from checker.state.ledger import Ledger
from checker.tunnels.cloned_keys import Clones
from checker.tunnels.holders import Held
from checker.tunnels.judge import CannotKill, Judgement, Kill, LookAgain, Nothing, Recheck, judge
from checker.tunnels.observation import Observation
from checker.tunnels.observe import Observer
from checker.tunnels.record import Record, with_clone_note

log = logging.getLogger(__name__)
ENDED_KEPT = 256
"""Sessions that were ended lately: no other forward of theirs ends them again."""
STARVED_ROUNDS = 3
"""Probes that may be wasted before the forward is left to the next sweep: a gateway that stays
starved must still answer.
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
        self.record = Record(ledger, self.policy)
        self.clones = Clones(self.policy)
        self.turns: defaultdict[Port, Turn] = defaultdict(lambda: Turn(asyncio.Lock()))
        self.ending: WeakValueDictionary[ProcessId, asyncio.Lock] = WeakValueDictionary()
        self.ended: deque[ProcessId] = deque(maxlen=ENDED_KEPT)
        self.waiting: dict[NodeName, str] = {}
        """What is said of nodes that have two keys."""

    async def probe_until_clear(
        self,
        forward: Forward,
        judgement: Judgement,
        *,
        siblings: Sequence[Forward] = (),
        actor: str = "daemon",
        until: float = math.inf,
    ) -> Judgement:
        """Probe again for as long as the last judgement asks for it: a first strike is followed by
        the next one soon, a last one by the kill.

        The siblings are probed in the first pause: an answer of theirs shows that the tunnel lives.
        What is not clear by `until` (monotonic) is left to the sweep; the action then is a Recheck.
        """
        for _ in range(1 + self.policy.strikes + STARVED_ROUNDS):
            if (
                not isinstance(judgement.action, Recheck)
                or time.monotonic() + judgement.action.after_s >= until
            ):
                break
            async with asyncio.TaskGroup() as group:
                for sibling in siblings:
                    group.create_task(
                        self.probe_once(sibling, actor=actor, until=until),
                        name=f"probe {sibling.node} {sibling.port}",
                    )
                await asyncio.sleep(judgement.action.after_s)
            siblings = ()
            judgement = await self.probe_once(forward, actor=actor, until=until)
        return judgement

    async def probe_once(
        self, forward: Forward, *, actor: str = "daemon", until: float = math.inf
    ) -> Judgement:
        """Probe, judge and act; a probe that is under way already serves all who wait for it.

        If `until` (monotonic) passes first, the row stays as it is, and the action is a Recheck.
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
                flaps=self.record.flaps(forward),
                action=Recheck(self.policy.strike_gap_s),
            )

    async def conclude(
        self, forward: Forward, seen: Observation, held: Held, actor: str
    ) -> Judgement:
        """Judge, act, and write down both."""
        before = self.ledger.tunnel(forward)
        judgement = judge(seen, before, self.record.flaps(forward), self.policy, time.time())
        after = self.with_notes(await self.with_peer(judgement.tunnel), forward, held)
        self.patience.note(after, seen, time.time(), time.monotonic())
        self.record.judged(before, after, judgement.flaps)
        match judgement.action:
            case Kill(why=why):
                await self.end(forward, held, actor=actor, why=why, is_counted=True)
            case CannotKill():
                self.record.holder_unknown(before, after)
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

    def with_notes(self, tunnel: Tunnel, forward: Forward, held: Held) -> Tunnel:
        """The row with what the node waits for, and what is known of its key, beside what the probe
        saw.
        """
        notes = (
            self.waiting.get(forward.node, ""),
            moving_note(forward, held.port if held.session else None),
        )
        detail = "; ".join(part for part in (tunnel.detail, *notes) if part)
        return with_clone_note(replace(tunnel, detail=detail), self.clone_note(tunnel.node))

    def clone_note(self, node: NodeName) -> str:
        """What is known of a second device with the node's key, as a clause; empty for none."""
        return self.clones.note(node, time.monotonic())

    async def end(
        self, forward: Forward, held: Held, *, actor: str, why: str, is_counted: bool = False
    ) -> Ending:
        """Kill the holder, and write down what came of it; a session that carries several forwards
        is killed once.
        """
        session = held.session
        assert session is not None
        async with self.ending.setdefault(session, asyncio.Lock()):
            if session in self.ended:
                self.note_ended(forward, session)
                return Freed()
            port = self.holdings.port_of(forward, held.inodes)
            ending = await end_session(session, port, self.uid, held.inodes)
            if isinstance(ending, Freed):
                self.ended.append(session)
        match ending:
            case Freed():
                self.patience.struck.pop(forward.port, None)
                self.record.killed(forward, session, why=why, actor=actor, is_counted=is_counted)
            case Spared(reason):
                self.record.spared(forward, reason, actor=actor)
        return ending

    def note_ended(self, forward: Forward, session: ProcessId) -> None:
        """Write down that the session was killed for another of its forwards."""
        self.patience.struck.pop(forward.port, None)
        self.record.killed_for_sibling(forward, session)
