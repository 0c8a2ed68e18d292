"""The daemon: its parts, its chores, and its life from the first event to the last."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.daemon.accept import Door
from checker.daemon.auto_accept import AutoAccept
from checker.daemon.crowd import Crowd
from checker.daemon.first_look import FirstLook
from checker.daemon.operators import Operators
from checker.daemon.registry_watch import RegistryWatch
from checker.daemon.server import Server
from checker.daemon.startup import make_run_again
from checker.daemon.sweep import LIST_EVERY_S, Sweeper
from checker.daemon.verdicts import Verdicts
from checker.linux.systemd import notify
from checker.linux.unix_socket import listen
from checker.model import CheckerError, EventKind
from checker.sshd.logins import Logins
from checker.state import spool
from checker.state.beats import remove_dead
from checker.state.ledger import Ledger
from checker.state.rows import Sweep
from checker.state.store import StateFile
from checker.tunnels.gateway import Gateway

log = logging.getLogger(__name__)
FLUSH_EVERY_S = 0.5
REGISTRY_EVERY_S = 3.0
SPOOL_EVERY_S = 3.0
BEATS_EVERY_S = 5.0
DOUBTS_EVERY_S = 0.25
FLOWS_EVERY_S = 20.0
LOGINS_EVERY_S = 5.0
STORE_EVERY_S = 5.0
ACCEPT_EVERY_S = 1.0
PRUNE_EVERY_S = 3600.0
SWEPT_EVERY_S = 2.0
"""Between marks that show the beat loops that the daemon lives."""
Work = Callable[[], Coroutine[Any, Any, None]]


class Daemon:
    """Puts the parts of one gateway together, and runs them until it is stopped."""

    def __init__(
        self, layout: Layout, config: Config, store: StateFile | None, first: FirstLook
    ) -> None:
        self.layout = layout
        self.config = config
        self.ledger = Ledger(layout, store)
        if store is not None:
            self.ledger.load(store)
        self.gateway = Gateway(layout, config, self.ledger, first.registry)
        self.verdicts = Verdicts(self.gateway)
        self.sweeper = Sweeper(self.gateway, self.verdicts)
        self.registry_watch = RegistryWatch(layout, self.gateway, self.sweeper, self.verdicts)
        self.registry_watch.begin(first)
        self.operators = Operators(config)
        self.server = Server(
            self.gateway, self.verdicts, self.sweeper, self.registry_watch, self.operators
        )
        self.auto_accept = AutoAccept(
            layout, self.ledger, self.server.enrolling, self.registry_watch.update
        )
        self.stopping = asyncio.Event()
        self.beside: tuple[Work, ...] = ()
        """Further work to run while the daemon serves."""
        self.run_made_again: Callable[[], None] = lambda: None
        """Called when somebody removed our directory, and we made it again."""
        self.logins = Logins()
        self.logins_waiting: int | None = None

    @property
    def chores(self) -> tuple[tuple[Work, float], ...]:
        """What is done again and again, and the seconds in between."""
        signs = self.gateway.watcher.signs
        return (
            (self.ledger.flush_changes, FLUSH_EVERY_S),
            (self.ledger.flush_ages, self.config.policy.probe_every_s / 2),
            (self.ledger.check_store, STORE_EVERY_S),
            (self.registry_watch.update, REGISTRY_EVERY_S),
            (self.registry_watch.copy, REGISTRY_EVERY_S),
            (self.auto_accept.settle, ACCEPT_EVERY_S),
            (self.mark_swept, SWEPT_EVERY_S),
            (self.collect_spool, SPOOL_EVERY_S),
            (signs.read_beats, BEATS_EVERY_S),
            (self.sweeper.watch_beats, DOUBTS_EVERY_S),
            (self.sweeper.look_for_new, LIST_EVERY_S),
            (signs.read_flows, FLOWS_EVERY_S),
            (self.count_logins, LOGINS_EVERY_S),
            (self.prune, PRUNE_EVERY_S),
        )

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT."""
        self.stop_on_signals()
        crowd: Crowd[asyncio.Task[None]] = Crowd(
            operators=self.operators, tunnel_uid=self.gateway.watcher.uid
        )
        door = Door(listen(self.layout.socket), crowd, self.server.answer)
        await self.begin()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(repeat(chore, every_s), name=chore.__qualname__)
                for chore, every_s in self.chores
            ]
            comparer = self.gateway.comparer
            comparer.on_news = lambda node: self.sweeper.probe_soon([node])
            lateness = self.gateway.watcher.lateness
            drainer = self.server.drainer
            works = (door.serve, self.sweeper.run, comparer.run, lateness.run, drainer.run)
            tasks.extend(group.create_task(work()) for work in (*works, *self.beside))
            notify("READY=1")
            ready()
            await self.stopping.wait()
            notify("STOPPING=1")
            # without waiting: a check that is under way may take a quarter of a minute
            for task in tasks:
                task.cancel()
        self.ledger.log_event(EventKind.GATEWAY, "the daemon stopped")
        await self.ledger.flush()
        self.layout.socket.unlink(missing_ok=True)

    async def begin(self) -> None:
        """Do what comes before the first probe."""
        registry = self.gateway.registry
        self.gateway.forget_gone()  # the tunnels of nodes that were removed meanwhile
        self.sweeper.use(registry)
        await self.server.drainer.load()
        self.ledger.log_event(EventKind.GATEWAY, f"the daemon started, process {os.getpid()}")
        await self.verdicts.clear()
        for broken in registry.broken_files:
            self.ledger.log_event(EventKind.GATEWAY, broken.sentence, node=broken.name)
        if registry.unknown_keys:
            self.ledger.log_event(EventKind.GATEWAY, registry.unknown_keys)

    def stop_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # under nohup we stay
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self.stopping.set)

    async def mark_swept(self) -> None:
        """Show systemd, the beat loops and the state file's readers that the sweep is on time.

        When it is not, mark nothing, so that systemd restarts us.
        """
        if not self.sweeper.keeps_time:
            return
        is_closed = self.config.is_closed(self.layout)
        if await asyncio.to_thread(make_run_again, self.layout, is_closed=is_closed):
            self.verdicts.forget()
            self.registry_watch.copied = ()
            self.run_made_again()
        notify("WATCHDOG=1")
        every_s = self.config.policy.probe_every_s
        self.ledger.pending.sweep = Sweep(
            pid=os.getpid(),
            swept_at=time.time(),
            every_s=every_s,
            logins_waiting=self.logins_waiting,
        )
        await self.verdicts.mark_swept(every_s)

    async def count_logins(self) -> None:
        """Count the connections to sshd that have not logged in yet."""
        try:
            waiting = await asyncio.to_thread(self.logins.waiting)
        except OSError:
            waiting = None
        self.logins_waiting = None if waiting is None else len(waiting)

    async def collect_spool(self) -> None:
        """Take over what sessions left while no daemon answered."""
        batch = await asyncio.to_thread(spool.collect, self.layout.spool, self.gateway.watcher.uid)
        self.ledger.pending.add_events(batch.events)
        for registration in batch.registrations:
            self.ledger.register(registration)

    async def prune(self) -> None:
        """Delete what is too old, and the beat files of connections that have ended."""
        self.server.forget_idle()
        self.gateway.forget_refused()
        self.gateway.note_registry()
        self.gateway.forget_gone()
        await self.gateway.forget_ended()
        await asyncio.to_thread(remove_dead, self.layout.spool)
        if self.ledger.store is None:
            return
        try:
            await asyncio.to_thread(self.ledger.store.prune, time.time())
        except CheckerError as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence is enough


async def repeat(chore: Work, every_s: float) -> None:
    """Do it now, and again every `every_s` seconds, until cancelled."""
    while True:
        await chore()
        await asyncio.sleep(every_s)
