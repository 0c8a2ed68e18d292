"""Watch one forward: probe it, find its holder, judge, and carry out the judgement."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.model import (
    Flaps,
    Forward,
    NodeName,
    NoListener,
    Place,
    Port,
    ProcessId,
    Status,
    Tunnel,
)
from checker.registry.succession import leaving_note, moving_note
from checker.sshd.kill import Ending, Freed, Spared, end_session
from checker.state.ledger import Ledger
from checker.tunnels.cloned_keys import Clones
from checker.tunnels.comparisons import Failure, key_note
from checker.tunnels.due import due_s
from checker.tunnels.holders import Held
from checker.tunnels.judge import CannotKill, Judgement, Kill, LookAgain, Nothing, Recheck, judge
from checker.tunnels.kill_reasons import NoRight, why_kill
from checker.tunnels.observation import Observation
from checker.tunnels.observe import NOT_THERE, Observer
from checker.tunnels.port_owner import Owner
from checker.tunnels.record import TunnelRecord, with_clone_note
from checker.tunnels.shut_out import ShutOuts

log = logging.getLogger(__name__)
ENDED_KEPT = 256
"""Number of killed sessions that are remembered, so that none is killed again for another
forward.
"""
STARVED_ROUNDS = 3
"""Probes that may be wasted before the forward is left to the next sweep: a gateway that stays
starved must still answer.
"""


@dataclass(slots=True)
class Turn:
    """Whose turn it is at one port. Who needs both locks takes `probing` first."""

    probing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held during a probe, which may take half a minute."""
    acting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a probe is judged, or the holder is killed: a few seconds at most."""
    ended_at: float = float("-inf")
    """When the last probe ended, monotonic."""
    judgement: Judgement | None = None
    """Of the last probe."""
    kills: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KillOutcome:
    """What became of a port's holder."""

    held: Held
    """As found just before."""
    ending: Ending | None = None
    """None if it was left alone: nobody of ours holds the port, or another session than asked."""


class Watcher(Observer):
    """Probes forwards, never one port twice at a time, and carries out what the judge says."""

    def __init__(self, layout: Layout, config: Config, ledger: Ledger) -> None:
        super().__init__(layout, config, ledger)
        self.record = TunnelRecord(ledger, self.policy)
        self.clones = Clones(self.policy)
        self.shut_outs = ShutOuts()
        self.turns: defaultdict[Port, Turn] = defaultdict(Turn)
        self.ending: WeakValueDictionary[ProcessId, asyncio.Lock] = WeakValueDictionary()
        self.ended: deque[ProcessId] = deque(maxlen=ENDED_KEPT)
        self.waiting: dict[NodeName, str] = {}
        """A note for the rows of each node that has two keys."""
        self.key_failures: dict[Place, Failure] = {}
        """Forwards whose host key could not be compared."""

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
                turn.probing,
            ):
                if turn.judgement is not None and turn.ended_at >= asked_at:
                    return turn.judgement
                while True:
                    kills = turn.kills
                    seen, held = await self.observe(forward, at_once=actor != "daemon")
                    async with turn.acting:
                        if turn.kills != kills:
                            continue  # a claim killed the holder meanwhile
                        limit.reschedule(None)  # from here on nothing is cut short
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
        row = self.ledger.tunnel(forward)
        known = row if row.session == seen.session else None
        peer = await self.peer_of(seen.session, known) if seen.session else ""
        before, judgement = self.judged(forward, seen, held, peer)
        after = judgement.tunnel
        if seen.other_key and after.status is Status.WRONG:
            self.record.host_key_differs(forward, seen.other_key)
        match judgement.action:
            case Kill(why=why):
                await self.end(forward, held, actor=actor, why=why, is_counted=True)
            case CannotKill():
                self.record.holder_unknown(before, after)
            case Nothing() | Recheck() | LookAgain():
                pass
        row = self.ledger.tunnel(forward)
        return judgement if row is after else replace(judgement, tunnel=row)

    def judged(
        self,
        forward: Forward,
        seen: Observation,
        held: Held,
        peer: str,
        *,
        every_s: float | None = None,
    ) -> tuple[Tunnel, Judgement]:
        """Judge, and write the row; return the row before, and the judgement. No await: the row and
        the node's losses must not change meanwhile. `every_s`: as for `still_down`.
        """
        before = self.ledger.tunnel(forward)
        judgement = judge(seen, before, self.record.flaps(forward), self.policy, time.time())
        every_s = every_s or self.every_s(forward, judgement.tunnel.session)
        after_s = due_s(judgement.action, seen.deadline_s, self.policy, every_s)
        is_its = seen.session is not None and judgement.tunnel.session == seen.session
        after = self.with_notes(
            self.with_peer(judgement.tunnel, peer, after_s)
            if is_its
            else replace(judgement.tunnel, due_s=after_s),
            forward,
            held,
        )
        self.patience.note(after, seen, time.time(), time.monotonic())
        self.record.judged(before, after, judgement.flaps)
        return before, replace(judgement, tunnel=after)

    def still_down(
        self, forward: Forward, *, newer_than: float, every_s: float | None = None
    ) -> Judgement | None:
        """Judge a forward that was down, or not probed yet, and on whose ports nobody listens by a
        list read after `newer_than` (monotonic); None if it must be probed. `every_s`: seconds
        until it is judged again; None: as many as usual.
        """
        turn, table = self.turns.get(forward.port), self.holders.table
        since = max(newer_than, self.registered_at.get(forward.node, newer_than))
        if (
            self.ledger.tunnel(forward).status not in NOT_THERE
            or (turn is not None and (turn.probing.locked() or turn.acting.locked()))
            or not all(table.is_vacant(port, self.uid, newer_than=since) for port in forward.ports)
        ):
            return None
        seen = Observation(
            reply=NoListener(),
            owner=Owner.NOBODY,
            expect=forward.expect,
            deadline_s=forward.deadline_s or self.policy.deadline_s,
        )
        return self.judged(forward, seen, Held(owner=Owner.NOBODY), "", every_s=every_s)[1]

    def with_peer(self, tunnel: Tunnel, peer: str, due_s: float | None) -> Tunnel:
        """Return the row with its connection's other side (empty: unknown), what it carried, and
        when it is due.
        """
        flow = self.signs.flows.get(peer)
        carried = flow.carried if flow else None
        return replace(tunnel, peer=peer or None, bytes_total=carried, due_s=due_s)

    def with_notes(self, tunnel: Tunnel, forward: Forward, held: Held) -> Tunnel:
        """Return the row with what the node waits for and what is known of its key, beside what the
        probe saw.
        """
        waits = self.waiting.get(forward.node, "")
        moves = moving_note(forward, held.port if held.session else None)
        leaves = leaving_note(forward)
        shut = "" if held.session else self.shut_outs.note(forward.node, time.monotonic())
        about_key = key_note(forward, tunnel, self.key_failures.get((forward.node, forward.port)))
        notes = [note for note in (shut, about_key, waits, moves, leaves) if note]
        if notes:
            tunnel = replace(tunnel, detail="; ".join(filter(None, (tunnel.detail, *notes))))
        return with_clone_note(tunnel, self.clone_note(tunnel.node))

    def clone_note(self, node: NodeName) -> str:
        """Return a note on a second device with the node's key, as a clause; empty for none."""
        return self.clones.note(node, time.monotonic())

    async def end_holder(
        self,
        forward: Forward,
        why: str,
        *,
        actor: str,
        session: ProcessId | None = None,
        port: Port | None = None,
    ) -> KillOutcome:
        """Kill the session that holds the forward's port now; if `session` is given, only that one.

        Waits for the probe under way. A claim names the `port` of the forward and does not wait,
        because its device does: the kill cuts the probe, which then begins again.
        """
        async with self.undisturbed(forward, port) as held:
            if held.session is None or session not in (None, held.session):
                return KillOutcome(held=held)
            ending = await self.end(forward, held, actor=actor, why=why)
            return KillOutcome(held=held, ending=ending)

    async def shut(
        self, forward: Forward, why: str, *, session: ProcessId | None = None
    ) -> Judgement | None:
        """Kill the holder of a port to which its node has no right (`why` is a clause), and write
        that into the row.

        If `session` is given and does not hold the port any more, do nothing and return None.
        """
        async with self.undisturbed(forward) as held:
            if session not in (None, held.session):
                return None
            if held.session is not None:
                reason = why_kill(NoRight(why=why))
                await self.end(forward, held, actor="daemon", why=reason)
            tunnel = self.record.shut(forward, why)
            return Judgement(tunnel=tunnel, flaps=Flaps(), action=Nothing())

    @asynccontextmanager
    async def undisturbed(self, forward: Forward, port: Port | None = None) -> AsyncIterator[Held]:
        """Give who holds the forward's port now, and keep others from judging or killing it.

        If `port` is given, look at that one, and let the probe under way go on.
        """
        turn = self.turns[forward.port]
        async with AsyncExitStack() as stack:
            if port is None:
                await stack.enter_async_context(turn.probing)
            await stack.enter_async_context(turn.acting)
            now = time.monotonic()
            if port is None:
                yield await self.holders.held(forward, newer_than=now)
            else:
                held = await self.holders.held_at(port, forward, newer_than=now)
                yield replace(held, port=port)

    async def end(
        self, forward: Forward, held: Held, *, actor: str, why: str, is_counted: bool = False
    ) -> Ending:
        """Kill the holder, and write down what came of it, under the port's lock; a session that
        carries several forwards is killed once.
        """
        session = held.session
        assert session is not None
        async with self.ending.setdefault(session, asyncio.Lock()):
            if session in self.ended:
                self.note_ended(forward, session)
                return Freed()
            port = self.holders.port_of(forward, held.inodes)
            ending = await end_session(session, port, self.uid, held.inodes)
            if isinstance(ending, Freed):
                self.ended.append(session)
        match ending:
            case Freed():
                self.turns[forward.port].kills += 1
                self.patience.struck.pop(forward.port, None)
                self.record.killed(forward, session, why=why, actor=actor, is_counted=is_counted)
            case Spared(reason):
                self.record.spared(forward, reason, actor=actor)
        return ending

    def note_ended(self, forward: Forward, session: ProcessId) -> None:
        """Write down that the session was killed for another of its forwards."""
        self.patience.struck.pop(forward.port, None)
        self.record.killed_for_sibling(forward, session)
