"""The process that hosts the gateway: it sweeps all forwards, follows the registry, and does the
chores; others serve its socket.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.daemon.schedule import Schedule
from checker.daemon.server import MAX_MESSAGE, Reception
from checker.daemon.startup import make_run_again
from checker.daemon.verdicts import Verdicts
from checker.linux.systemd import tell
from checker.linux.unix_socket import listen
from checker.model import CheckerError, EventKind, Forward, NodeName, Policy
from checker.registry.authorized_keys import follow_registry, key_sign
from checker.registry.file_stamps import stamp
from checker.registry.last_good import read_known, renew_copy
from checker.registry.nodes import Registry
from checker.registry.reading import Cache
from checker.sshd.logins import Logins
from checker.state import spool
from checker.state.beats import remove_dead
from checker.state.ledger import Ledger
from checker.state.rows import Sweep
from checker.state.store import StateFile
from checker.tunnels.gateway import Gateway
from checker.tunnels.judge import Action, CannotKill, Kill, LookAgain, Nothing, Recheck

log = logging.getLogger(__name__)
FLUSH_EVERY_S = 0.5
LOOK_EVERY_S = 3.0
"""Between looks at the registry's folder."""
BEATS_EVERY_S = 5.0
FLOWS_EVERY_S = 20.0
LOGINS_EVERY_S = 5.0
STORE_EVERY_S = 5.0
PRUNE_EVERY_S = 3600.0
SWEPT_EVERY_S = 2.0
"""Between marks that tell the beat loops of a living daemon."""
SOON_S = 0.3
"""After a node connected, or lost its connection, until it is looked at."""
BACKLOG = 1024
"""A gate that finds no room does the work itself, at twenty times the cost."""


class Daemon:
    """The life of one gateway, from its first word to its last."""

    def __init__(
        self, layout: Layout, config: Config, store: StateFile | None, registry: Registry
    ) -> None:
        self.layout = layout
        self.config = config
        self.ledger = Ledger(layout, store)
        if store is not None:
            self.ledger.load(store)
        self.gateway = Gateway(layout, config, self.ledger, registry)
        self.schedule = Schedule(config.policy.probe_every_s)
        self.wake = asyncio.Event()
        self.stopping = asyncio.Event()
        self.verdicts = Verdicts(self.gateway)
        self.reception = Reception(self)
        self.reading = asyncio.Lock()
        self.stamp: object = None
        self.keys: object = None
        """What the key file looked like when it last followed."""
        self.copied: object = None
        """The stamp that the registry had when it was last copied."""
        self.cache: Cache = {}
        self.beside: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
        """What else is to run while it serves."""
        self.run_made_again: Callable[[], None] = lambda: None
        """Called when somebody removed our directory, and it was made once more."""
        self.logins = Logins()
        self.logins_waiting: int | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # under nohup we stay
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self.stopping.set)
        listener = listen(self.layout.socket)
        server = await asyncio.start_unix_server(
            self.reception.serve, sock=listener, limit=MAX_MESSAGE, backlog=BACKLOG
        )
        self.follow(self.gateway.registry)
        self.ledger.tell(EventKind.GATEWAY, f"the daemon started, process {os.getpid()}")
        await self.verdicts.clear()
        for broken in self.gateway.registry.broken_files:
            self.ledger.tell(EventKind.GATEWAY, broken.sentence, node=broken.name)
        if self.gateway.registry.unknown_keys:
            self.ledger.tell(EventKind.GATEWAY, self.gateway.registry.unknown_keys)
        async with asyncio.TaskGroup() as group:
            chores: tuple[tuple[Callable[[], Awaitable[None]], float], ...] = (
                (self.ledger.flush, FLUSH_EVERY_S),
                (self.ledger.see_to_store, STORE_EVERY_S),
                (self.look_at_registry, LOOK_EVERY_S),
                (self.copy_registry, LOOK_EVERY_S),
                (self.mark_swept, SWEPT_EVERY_S),
                (self.collect_spool, LOOK_EVERY_S),
                (self.gateway.watcher.signs.read_beats, BEATS_EVERY_S),
                (self.gateway.watcher.signs.read_flows, FLOWS_EVERY_S),
                (self.count_logins, LOGINS_EVERY_S),
                (self.prune, PRUNE_EVERY_S),
            )
            tasks = [
                group.create_task(repeat(chore, every_s), name=chore.__name__)
                for chore, every_s in chores
            ]
            tasks.append(group.create_task(self.gateway.watcher.lateness.run(), name="lateness"))
            tasks.append(group.create_task(self.sweep(), name="sweep"))
            tasks.extend(group.create_task(work()) for work in self.beside)
            tell("READY=1")
            ready()
            await self.stopping.wait()
            tell("STOPPING=1")
            # without waiting: a check that is under way may take a quarter of a minute
            server.close()
            for task in tasks:
                task.cancel()
        self.ledger.tell(EventKind.GATEWAY, "the daemon stopped")
        await self.ledger.flush()
        self.layout.socket.unlink(missing_ok=True)

    async def sweep(self) -> None:
        """Probe each forward when it is due, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                now = time.monotonic()
                for forward in self.schedule.ripe(now):
                    group.create_task(
                        self.probe(forward), name=f"probe {forward.node} {forward.port}"
                    )
                next_at = (
                    self.schedule.due[0][0]
                    if self.schedule.due
                    else now + self.config.policy.probe_every_s
                )
                self.wake.clear()
                try:
                    async with asyncio.timeout(max(0.01, next_at - now)):
                        await self.wake.wait()
                except TimeoutError:
                    continue

    async def probe(self, forward: Forward) -> None:
        """One forward's turn of the sweep."""
        policy = self.config.policy
        judgement = None
        try:
            judgement = await self.gateway.settle(forward)
        except* (CheckerError, OSError) as troubles:
            self.ledger.complain(
                f"port {forward.port} of {forward.node} could not be looked at:"
                f" {troubles.exceptions[0]}"
            )
        if judgement is None:
            self.schedule.done(forward, time.monotonic(), policy.probe_every_s)
            return
        after_s = after(judgement.action, policy)
        self.schedule.done(forward, time.monotonic(), after_s)
        if isinstance(judgement.action, Kill):
            self.sweep_soon([forward.node])  # its other forwards, and perhaps it is back
        self.wake.set()
        await self.verdicts.tell(forward.node)

    def sweep_soon(self, nodes: Iterable[NodeName]) -> None:
        """Probe these nodes' forwards next."""
        for node in nodes:
            self.schedule.soon(node, time.monotonic() + SOON_S)
        self.wake.set()

    async def mark_swept(self) -> None:
        """Tell the beat loops, and those who read the state file, that the sweep keeps its time."""
        every_s = self.config.policy.probe_every_s
        if self.schedule.overdue_s(time.monotonic()) > every_s:
            return
        if await asyncio.to_thread(make_run_again, self.layout):
            self.verdicts.told.clear()
            self.copied = None
            self.run_made_again()
        # of a sweep that does not keep its time there is none: systemd starts us anew
        tell("WATCHDOG=1")
        self.ledger.sweep = Sweep(
            pid=os.getpid(),
            swept_at=time.time(),
            every_s=every_s,
            logins_waiting=self.logins_waiting,
        )
        await self.verdicts.mark_swept(every_s)

    async def count_logins(self) -> None:
        """How many connections wait for their login."""
        try:
            waiting = await asyncio.to_thread(self.logins.waiting)
        except OSError:
            waiting = None
        self.logins_waiting = None if waiting is None else len(waiting)

    async def look_at_registry(self) -> None:
        """Read the registry again if it changed, and see to a key file that somebody else changed
        or took away.
        """
        async with self.reading:  # else what was read earlier could be followed later
            is_new = await self.read_anew()
        if not is_new and await asyncio.to_thread(key_sign, self.layout) == self.keys:
            return
        try:
            # so a file edited by hand takes effect
            await asyncio.to_thread(follow_registry, self.layout)
        except CheckerError as error:
            self.ledger.complain(str(error))
        self.keys = await asyncio.to_thread(key_sign, self.layout)

    async def read_anew(self) -> bool:
        """Follow the registry, if it is another than the last one that was read; whether it was."""
        seen = await asyncio.to_thread(stamp, self.layout.nodes)
        keeps_other_rights = (
            self.gateway.registry.broken
            and await asyncio.to_thread(key_sign, self.layout) != self.keys
        )
        if seen == self.stamp and not keeps_other_rights:
            return False
        if not seen and not await asyncio.to_thread(self.layout.nodes.is_dir):
            self.ledger.complain(
                f"{self.layout.nodes} is gone; the registry stays as it was last read"
            )
            return False
        try:
            registry = await asyncio.to_thread(read_known, self.layout, self.cache)
        except CheckerError as error:
            self.ledger.complain(f"{error}; the registry stays as it was last read")
            return False
        self.stamp = seen
        for old, new in self.follow(registry):
            await self.verdicts.rename(old, new)
        return True

    async def copy_registry(self) -> None:
        """Leave the registry in one file for those who read it often."""
        seen = self.stamp
        if seen == self.copied:
            return
        try:
            if await asyncio.to_thread(renew_copy, self.layout, self.cache, time.time_ns()):
                self.copied = seen
        except (OSError, CheckerError) as error:
            self.ledger.complain(f"the registry can not be copied to {self.layout.run}: {error}")

    def follow(self, registry: Registry) -> tuple[tuple[NodeName, NodeName], ...]:
        """From now on the registry is this; the nodes that have another name since, old and new."""
        renamed = self.gateway.use(registry)
        self.schedule.use(registry, time.monotonic(), self.ledger.sightings.forwards)
        self.wake.set()
        return renamed

    def watch_unregistered(self) -> None:
        """The sweep follows what the shared key brought."""
        if self.ledger.sightings.take_news():
            self.schedule.use(
                self.gateway.registry, time.monotonic(), self.ledger.sightings.forwards
            )
            self.wake.set()

    async def collect_spool(self) -> None:
        """Take over what sessions did while no daemon answered."""
        batch = await asyncio.to_thread(spool.collect, self.layout.spool, self.gateway.watcher.uid)
        self.ledger.events.extend(batch.events)
        for registration in batch.registrations:
            self.ledger.register(registration)

    async def prune(self) -> None:
        """Forget what is too old, and the beats of connections that ended without cleaning up."""
        self.reception.forget_idle()
        self.gateway.forget_refused()
        self.gateway.note_registry()
        await self.gateway.forget_ended()
        await asyncio.to_thread(remove_dead, self.layout.spool)
        if self.ledger.store is None:
            return
        try:
            await asyncio.to_thread(self.ledger.store.prune, time.time())
        except CheckerError as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence is all


def after(action: Action, policy: Policy) -> float:
    """Seconds until a forward is probed again."""
    match action:
        case CannotKill():
            return policy.unkillable_every_s
        case LookAgain(after_s):
            return after_s
        case Nothing() | Recheck() | Kill():
            return policy.probe_every_s


async def repeat(chore: Callable[[], Awaitable[None]], every_s: float) -> None:
    """Do it now, and again every so often, until cancelled."""
    while True:
        await chore()
        await asyncio.sleep(every_s)
