"""Drain this gateway: tell each connection to leave, a few a second, and end those that stay.

It ends only connections that are older than the drain. Nodes that come back found no other gateway,
and stay: a drain locks no device out, even if nobody ends it.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from checker.daemon.endings import end_connection, look_at
from checker.daemon.live_connections import Connection, connections, open_through, ports
from checker.daemon.verdicts import Verdicts
from checker.linux.clock import boot_id
from checker.linux.processes import is_alive
from checker.model import CheckerError, EventKind, NodeName, Outcome, ProcessId
from checker.model.action import ITSELF, GatewayVerb
from checker.model.drain import Drain, DrainProgress, Leaver
from checker.state import beats
from checker.state.drain_file import read_drain, write_drain
from checker.tunnels.beat_loops import beat_loop, tell_to_move
from checker.tunnels.departures import LEAVES_WITHIN_S, Departure, Way, is_older, must_end
from checker.tunnels.gateway import Gateway
from checker.tunnels.kill_reasons import Drained, why_kill

TICK_S = 0.25
TOLD_AT_ONCE = 5
"""At each tick: 20 a second."""
LOOK_AGAIN_S = 5.0
LONGEST_WAIT_S = 15
"""Each client that cannot move is told to wait for 1 s to this long."""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Round:
    """The connections that one drain ends."""

    queue: deque[Connection] = field(default_factory=deque)
    """Those that are still to be told."""
    told: dict[ProcessId, Departure] = field(default_factory=dict)
    ending: set[ProcessId] = field(default_factory=set)
    gone: Counter[Way] = field(default_factory=Counter)
    """How many left, by the way in which they were told to."""
    failed: set[ProcessId] = field(default_factory=set)


class Drainer:
    """Carries out the drains of one gateway."""

    def __init__(self, gateway: Gateway, verdicts: Verdicts) -> None:
        self.gateway, self.verdicts = gateway, verdicts
        self.ledger, self.watcher = gateway.ledger, gateway.watcher
        self.path, self.spool = gateway.layout.drain, gateway.layout.spool
        self.drain: Drain | None = None
        self.boot = ""
        self.round = Round()
        self.is_done = True
        self.changed = asyncio.Event()

    async def load(self) -> None:
        """Go on with the drain that was under way when the daemon, or the machine, stopped."""
        found = await asyncio.to_thread(read_drain, self.path)
        if found.trouble:
            self.ledger.complain(found.trouble)
        if found.drain is not None:
            await self.use(found.drain)

    async def use(self, drain: Drain) -> None:
        """Begin a round. No await from where the drain counts: a step would find half of it."""
        self.boot = await asyncio.to_thread(boot_id)
        found = await connections(self.ledger)
        queue = sorted(older_of(found, drain, self.boot), key=lambda one: not one.moves)
        self.drain, self.round, self.is_done = drain, Round(queue=deque(queue)), False
        self.gateway.sent_away.begin()
        self.changed.set()

    async def begin(self, operator: str) -> None:
        """Tell all nodes that are connected now to leave. Raises ConfigError."""
        drain = Drain(
            at=time.time(),
            by=operator,
            boot=await asyncio.to_thread(boot_id),
            uptime_s=time.clock_gettime(time.CLOCK_BOOTTIME),
        )
        await asyncio.to_thread(write_drain, self.path, drain)
        await self.use(drain)
        text = "this gateway drains: its nodes are told to use another gateway"
        self.ledger.log_event(EventKind.GATEWAY, text, actor=operator)
        await self.ledger.flush()

    async def end(self, operator: str) -> None:
        """Take all nodes again. Raises ConfigError."""
        await asyncio.to_thread(write_drain, self.path, None)
        if self.drain is None:
            return
        self.drain, self.round, self.is_done = None, Round(), True
        for node in self.gateway.sent_away.end():
            await self.verdicts.write(node)
        text = "this gateway no longer drains"
        self.ledger.log_event(EventKind.GATEWAY, text, actor=operator)
        await self.ledger.flush()

    async def asked(self, verb: GatewayVerb, operator: str) -> Outcome:
        """Begin or end a drain for an operator at another gateway, and say what that means. Raises
        ConfigError.
        """
        drained = self.drain is not None
        if verb is GatewayVerb.DRAIN:
            if not drained:
                await self.begin(operator)
            count = len((await self.progress()).leavers)
            to_go = f"{count:,} connection{'' if count == 1 else 's'} to go"
            told = f"it drains{' already' if drained else ''}: {to_go}"
        else:
            await self.end(operator)
            told = "it takes nodes again" if drained else "it did not drain"
        return Outcome(node=ITSELF.node, port=ITSELF.port, done=True, sentence=told)

    async def run(self) -> None:
        """Drain whenever that is asked for, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                if self.drain is not None:
                    for session, node in self.overstaying():
                        group.create_task(self.end_refused(session, node, self.drain))
                if self.drain is None or self.is_done:
                    await self.rest()
                    continue
                for departure in await self.step(self.drain, self.round):
                    group.create_task(self.see_off(departure, self.drain, self.round))
                await asyncio.sleep(TICK_S)

    def overstaying(self) -> list[tuple[ProcessId, NodeName]]:
        """Take out the connections that were refused and had time to leave."""
        refused, now = self.gateway.sent_away.refused, time.monotonic()
        due = [
            (session, node) for session, (node, at) in refused.items() if now - at > LEAVES_WITHIN_S
        ]
        for session, _ in due:
            del refused[session]
        return due

    async def end_refused(self, session: ProcessId, node: NodeName, drain: Drain) -> None:
        """End a connection that stays though its `hold` was refused."""
        try:
            if await asyncio.to_thread(is_alive, session):
                await self.ended(node, session, drain, was_refused=True)
        except (CheckerError, OSError) as error:
            self.ledger.complain(f"cannot send {node} away: {error}")

    async def rest(self) -> None:
        """Wait for a drain; during one, look again now and then: a connection that no daemon took
        is known some seconds later.
        """
        try:
            async with asyncio.timeout(None if self.drain is None else LOOK_AGAIN_S):
                await self.changed.wait()
            self.changed.clear()
        except TimeoutError:
            if self.drain is not None and await self.late(self.drain, self.round):
                self.is_done = False

    async def late(self, drain: Drain, now: Round) -> list[Connection]:
        """Return the connections that the drain should end and did not try to."""
        found = older_of(await connections(self.ledger), drain, self.boot)
        return [one for one in found if one.session not in now.failed]

    async def step(self, drain: Drain, now: Round) -> list[Departure]:
        """Tell the next connections, and return the departures that must be ended by us."""
        for _ in range(min(TOLD_AT_ONCE, len(now.queue))):
            await self.tell(now.queue.popleft(), now)
        sights = await asyncio.to_thread(look_at, self.spool, tuple(now.told.values()))
        for session, sight in sights.items():
            # another task may have ended it meanwhile
            if not sight.is_there and session not in now.ending and session in now.told:
                await self.left(now.told.pop(session), now)
        if not (now.queue or now.told) and self.round is now:
            late = await self.late(drain, now)
            now.queue.extend(late)
            if not late and self.round is now:
                self.finish(now)
        moment = time.monotonic()
        due = [
            one
            for session, one in now.told.items()
            if session not in now.ending and must_end(one, sights[session], moment)
        ]
        now.ending.update(one.session for one in due)
        return due if self.drain is drain else []

    async def tell(self, one: Connection, now: Round) -> None:
        """Tell a client to leave, in the way that it understands."""
        way, loop = Way.END, None
        if one.moves:
            loop = await asyncio.to_thread(beat_loop, one.session, self.spool, self.watcher.uid)
            if loop is not None and await asyncio.to_thread(tell_to_move, loop):
                way = Way.MOVE
                self.gateway.sent_away.note(one.node, time.monotonic())
        if way is Way.END and one.registration is not None and not self.is_back(one):
            last = await asyncio.to_thread(beats.beaten_at, self.spool, one.session)
            if last is not None and self.round is now:
                way = Way.WAIT
                self.gateway.sent_away.waits[one.node] = random.randint(1, LONGEST_WAIT_S)  # noqa: S311 - only spreads them
                await self.verdicts.write(one.node)
        now.told[one.session] = Departure(
            node=one.node, session=one.session, way=way, told_at=time.monotonic(), loop=loop
        )

    def is_back(self, one: Connection) -> bool:
        """Whether the node has a connection that the drain does not end, which would hear the same
        verdict.
        """
        drain = self.drain
        return drain is not None and any(
            other.node == one.node and not is_older(other.session, drain, self.boot, TICKS_PER_S)
            for other in self.ledger.registrations.values()
        )

    async def left(self, departure: Departure, now: Round) -> None:
        """A connection has ended: count it."""
        now.gone[departure.way] += 1
        if self.gateway.sent_away.waits.pop(departure.node, None) is not None:
            await self.verdicts.write(departure.node)

    async def see_off(self, departure: Departure, drain: Drain, now: Round) -> None:
        """End a connection that did not leave."""
        session = departure.session
        is_ended = False
        try:
            is_ended = await self.ended(departure.node, session, drain)
        except (CheckerError, OSError) as error:
            self.ledger.complain(f"cannot send {departure.node} away: {error}")
        now.told.pop(session, None)
        now.ending.discard(session)
        if is_ended:
            await self.left(departure, now)
        else:
            now.failed.add(session)

    async def ended(
        self, node: NodeName, session: ProcessId, drain: Drain, *, was_refused: bool = False
    ) -> bool:
        """End the connection's session as any kill does; return whether it has ended."""
        must_leave = was_refused or is_older(session, drain, self.boot, TICKS_PER_S)
        why = why_kill(Drained(by=drain.by, must_leave=must_leave))
        if not why or self.drain is not drain:
            return False
        return await end_connection(self.gateway, node, session, why=why, actor=drain.by)

    def finish(self, now: Round) -> None:
        """All that the drain could end has ended."""
        self.is_done = True
        failed = f", {len(now.failed)} could not be ended" if now.failed else ""
        told = f"{now.gone[Way.MOVE]} moved, {now.gone[Way.WAIT]} told to wait"
        text = f"drained: {told}, {now.gone[Way.END]} ended{failed}"
        self.ledger.log_event(EventKind.GATEWAY, text)

    async def progress(self, *, again: bool = False) -> DrainProgress:
        """Return how far the drain is; without one, or `again`: whom it would end."""
        found = await connections(self.ledger)
        drain = self.drain
        leaving = found if again or drain is None else older_of(found, drain, self.boot)
        beating = await asyncio.to_thread(beats.all_beats, self.spool)
        open_now = await asyncio.to_thread(open_through, ports(self.ledger))
        leavers = (
            Leaver(
                node=one.node,
                pid=one.session.pid,
                moves=one.moves,
                beats=one.session in beating,
                carried=open_now.get(one.session, 0),
            )
            for one in leaving
            if one.session not in self.round.failed
        )
        return DrainProgress(
            drain=self.drain,
            done=self.is_done,
            moved=self.round.gone[Way.MOVE],
            waiting=self.round.gone[Way.WAIT],
            ended=self.round.gone[Way.END],
            failed=len(self.round.failed),
            leavers=tuple(sorted(leavers, key=order_of)),
            here=tuple(sorted({one.node for one in found})),
        )


def older_of(found: Iterable[Connection], drain: Drain, boot: str) -> list[Connection]:
    """Return the connections that the drain ends."""
    return [one for one in found if is_older(one.session, drain, boot, TICKS_PER_S)]


def order_of(one: Leaver) -> tuple[bool, bool, NodeName]:
    """Those that can move first, and those that cannot be told last."""
    return not one.moves, not one.beats, one.node
