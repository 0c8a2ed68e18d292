"""The process that hosts the gateway: it sweeps all forwards, serves the socket, and keeps the beat loops told."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import resource
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from checker import spool
from checker.beats import remove_dead, uptime_s
from checker.config import Config, Layout
from checker.control import Verb, aim_from, outcome_json
from checker.door import credentials, listen, operator_uids
from checker.following import follow_registry, renew_copy
from checker.gateway import Gateway
from checker.holders import session_above
from checker.judge import CannotKill, Kill
from checker.ledger import Ledger
from checker.limits import Crowd, Limit, Limits
from checker.logins import Logins
from checker.model import CheckerError, EventKind, Forward, NodeName, ProcessId, printable
from checker.notify import tell
from checker.registry import Cache, Registry, read_registry, stamp
from checker.schedule import Schedule
from checker.spool import event_in
from checker.store import StateFile, Sweep
from checker.wire import ANY_NODE, MALFORMED, Asked, Malformed, Reply, decode_asked, encode_reply, refusal

log = logging.getLogger(__name__)
FLUSH_EVERY_S = 0.5
LOOK_EVERY_S = 3.0
"""Between looks at the registry's folder."""
BEATS_EVERY_S = 5.0
CARRIED_EVERY_S = 20.0
LOGINS_EVERY_S = 5.0
STORE_EVERY_S = 5.0
PRUNE_EVERY_S = 3600.0
SWEPT_EVERY_S = 2.0
"""Between marks that tell the beat loops of a living daemon."""
SOON_S = 0.3
"""After a node connected, or lost its connection, until it is looked at."""
READ_WITHIN_S = 5.0
MAX_MESSAGE = 1 << 16
BACKLOG = 1024
"""A gate that finds no room does the work itself, at twenty times the cost."""
ACKNOWLEDGED = b".\n"


SHARED_AT_ONCE = 64
"""Requests with the shared key under way from one address: a whole mesh may be behind it."""
SHARED_TIMES = 10
"""And so many times what one node may ask a minute."""


class DaemonRuns(CheckerError):
    """A second daemon on one home."""

    def __init__(self, layout: Layout, pid: str) -> None:
        super().__init__(f"a daemon (process {pid or 'unknown'}) already serves {layout.socket.parent}; stop it, or choose another --home")


def lock_home(layout: Layout) -> int:
    """The descriptor of a lock that lasts as long as this process. Raises DaemonRuns."""
    path = layout.run / "_lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(handle, 32).decode("ascii", "replace").strip()
        os.close(handle)
        raise DaemonRuns(layout, pid) from None
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle


class Daemon:
    """Sweep, socket, registry and state file of one gateway."""

    def __init__(self, layout: Layout, config: Config, store: StateFile, registry: Registry) -> None:
        self.layout = layout
        self.config = config
        self.ledger = Ledger(layout, store)
        self.ledger.load(store)
        self.gateway = Gateway(layout, config, self.ledger, registry)
        self.schedule = Schedule(config.policy.probe_every_s)
        self.wake = asyncio.Event()
        self.stopping = asyncio.Event()
        self.verdicts: dict[NodeName, int] = {}
        self.telling = asyncio.Lock()
        self.stamp: object = None
        self.copied: object = None
        """The stamp that the registry had when it was last copied."""
        self.cache: Cache = {}
        self.operators = operator_uids(config)
        self.limits = Limits(Limit(a_minute=config.requests_a_minute))
        self.shared_limits = Limits(Limit(at_once=SHARED_AT_ONCE, a_minute=SHARED_TIMES * config.requests_a_minute))
        self.crowd = Crowd(self.operators | {self.gateway.watcher.uid})
        self.beside: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
        """What else is to run while it serves."""
        self.logins = Logins()
        self.logins_waiting: int | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.stopping.set)
        listener = listen(self.layout.socket)
        server = await asyncio.start_unix_server(self.serve, sock=listener, limit=MAX_MESSAGE, backlog=BACKLOG)
        self.follow(self.gateway.registry)
        self.ledger.tell(EventKind.GATEWAY, f"the daemon started, process {os.getpid()}")
        await asyncio.to_thread(clear_verdicts, self.layout.run, self.gateway.registry)
        for problem in self.gateway.registry.problems:
            self.ledger.tell(EventKind.GATEWAY, problem)
        async with asyncio.TaskGroup() as group:
            chores: tuple[tuple[Callable[[], Awaitable[None]], float], ...] = (
                (self.ledger.flush, FLUSH_EVERY_S),
                (self.ledger.see_to_store, STORE_EVERY_S),
                (self.look_at_registry, LOOK_EVERY_S),
                (self.copy_registry, LOOK_EVERY_S),
                (self.mark_swept, SWEPT_EVERY_S),
                (self.collect_spool, LOOK_EVERY_S),
                (self.gateway.watcher.read_beats, BEATS_EVERY_S),
                (self.gateway.watcher.read_carried, CARRIED_EVERY_S),
                (self.count_logins, LOGINS_EVERY_S),
                (self.prune, PRUNE_EVERY_S),
            )
            tasks = [group.create_task(repeat(chore, every_s), name=chore.__name__) for chore, every_s in chores]
            tasks.append(group.create_task(self.gateway.watcher.lateness.run(), name="lateness"))
            tasks.append(group.create_task(self.sweep(), name="sweep"))
            tasks.extend(group.create_task(work()) for work in self.beside)
            tell("READY=1")
            ready()
            await self.stopping.wait()
            tell("STOPPING=1")
            server.close()  # without waiting: a check that is under way may take a quarter of a minute
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
                    group.create_task(self.probe(forward), name=f"probe {forward.node} {forward.port}")
                next_at = self.schedule.due[0][0] if self.schedule.due else now + self.config.policy.probe_every_s
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
            self.ledger.complain(f"port {forward.port} of {forward.node} could not be looked at: {troubles.exceptions[0]}")
        if judgement is None:
            self.schedule.done(forward, time.monotonic(), policy.probe_every_s)
            return
        after_s = policy.unkillable_every_s if isinstance(judgement.action, CannotKill) else policy.probe_every_s
        self.schedule.done(forward, time.monotonic(), after_s)
        if isinstance(judgement.action, Kill):
            self.schedule.soon(forward.node, time.monotonic() + SOON_S)  # its other forwards, and perhaps it is back
        self.wake.set()
        await self.tell_verdict(forward.node)

    async def tell_verdict(self, name: NodeName) -> None:
        """Bring the file that the node's beat loop reads up to date."""
        node = self.gateway.registry.nodes.get(name)
        if node is None:
            return  # nobody of that name beats; and what an operator calls a node may be any path
        async with self.telling:  # else an older verdict could be written over a newer one
            verdict = self.gateway.verdict(node)
            if self.verdicts.get(name) == verdict:
                return
            try:
                await asyncio.to_thread(replace_text, self.layout.run / name, f"{verdict}\n")
            except OSError as error:
                self.ledger.complain(f"the verdict of {name} can not be written to {self.layout.run}: {error.strerror}")
                return
            self.verdicts[name] = verdict

    async def mark_swept(self) -> None:
        """Tell the beat loops, and those who read the state file, that the sweep keeps its time."""
        every_s = self.config.policy.probe_every_s
        if self.schedule.overdue_s(time.monotonic()) > every_s:
            return
        tell("WATCHDOG=1")  # of a sweep that does not keep its time there is none: systemd starts us anew
        self.ledger.sweep = Sweep(pid=os.getpid(), swept_at=time.time(), every_s=every_s, logins_waiting=self.logins_waiting)
        try:
            await asyncio.to_thread(write_mark, self.layout.run, every_s)
        except OSError as error:
            log.error("%s can not be written: %s", self.layout.run / "_sweep", error.strerror)  # noqa: TRY400 - the sentence is all

    async def count_logins(self) -> None:
        """How many connections wait for their login."""
        try:
            waiting = await asyncio.to_thread(self.logins.waiting)
        except OSError:
            waiting = None
        self.logins_waiting = None if waiting is None else len(waiting)

    async def look_at_registry(self) -> None:
        """Read the registry again if it changed."""
        seen = await asyncio.to_thread(stamp, self.layout.nodes)
        if seen == self.stamp:
            return
        if not seen and not await asyncio.to_thread(self.layout.nodes.is_dir):
            self.ledger.complain(f"{self.layout.nodes} is gone; the registry stays as it was last read")
            return
        try:
            registry = await asyncio.to_thread(read_registry, self.layout.nodes, self.cache)
        except CheckerError as error:
            self.ledger.complain(f"{error}; the registry stays as it was last read")
            return
        self.stamp = seen
        for old, new in self.follow(registry):
            self.verdicts.pop(old, None)
            await self.tell_verdict(new)
            await asyncio.to_thread(link_verdict, self.layout.run, old, new)
        try:
            await asyncio.to_thread(follow_registry, self.layout)  # so a file edited by hand takes effect
        except CheckerError as error:
            self.ledger.complain(str(error))

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
            self.schedule.use(self.gateway.registry, time.monotonic(), self.ledger.sightings.forwards)
            self.wake.set()

    async def collect_spool(self) -> None:
        """Take over what sessions did while no daemon answered."""
        batch = await asyncio.to_thread(spool.collect, self.layout.spool, self.gateway.watcher.uid)
        self.ledger.events.extend(batch.events)
        for registration in batch.registrations:
            self.ledger.register(registration)

    async def prune(self) -> None:
        """Forget what is too old, and the beats of connections that ended without cleaning up."""
        self.limits.forget(time.monotonic())
        self.shared_limits.forget(time.monotonic())
        self.gateway.shared.follow()
        await self.gateway.shared.forget_ended()
        await asyncio.to_thread(remove_dead, self.layout.spool)
        if self.ledger.store is None:
            return
        try:
            await asyncio.to_thread(self.ledger.store.prune, time.time())
        except CheckerError as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence is all

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to the socket: one message, one answer; a stranger has but a few at a time."""
        uid = credentials(writer)[1]
        if not self.crowd.enter(uid):
            writer.close()
            return
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                message = await reader.read(MAX_MESSAGE)
                while not reader.at_eof():
                    message += await reader.read(MAX_MESSAGE)
                    if len(message) > MAX_MESSAGE:
                        return
            writer.write(await self.respond(message, writer))
            async with asyncio.timeout(READ_WITHIN_S):
                await writer.drain()
        except (TimeoutError, ConnectionError):
            return
        finally:
            self.crowd.leave(uid)
            writer.close()

    async def respond(self, message: bytes, writer: asyncio.StreamWriter) -> bytes:
        """The answer to a gate's or an operator's message."""
        pid, uid, _ = credentials(writer)
        if message.startswith(b"gate\0"):
            writer.write(ACKNOWLEDGED)
            return await self.for_gate(message, pid, uid)
        return json.dumps({"schema": 1, **await self.for_operator(message, uid)}).encode()

    async def for_gate(self, message: bytes, pid: int, uid: int) -> bytes:
        """What the node is told; the caller's session is looked up from the peer's own PID."""
        if uid not in (self.gateway.watcher.uid, 0):
            return encode_reply(refusal("only the tunnel user may speak for a node", MALFORMED))
        try:
            asked = decode_asked(message)
        except Malformed as error:
            return encode_reply(refusal(str(error), MALFORMED))
        shared = asked.node == ANY_NODE
        limits = self.shared_limits if shared else self.limits
        node = NodeName(asked.peer.partition(" ")[0] if shared else asked.node)
        over = limits.enter(node, time.monotonic())
        if over is not None:
            return encode_reply(self.gateway.put_off(asked, over))
        try:
            return encode_reply(await self.answer(asked, pid))
        finally:
            limits.leave(node)

    async def answer(self, asked: Asked, pid: int) -> Reply:
        """What the node is answered, its verdict's file and the state file being in order by then."""
        caller: ProcessId | None = await asyncio.to_thread(session_above, pid, self.gateway.watcher.uid)
        reply: Reply = await self.gateway.answer(asked, caller)
        self.watch_unregistered()
        if "\0" in reply.answer:  # a hold: what the last sweep saw was before it
            await self.tell_verdict(NodeName(asked.node))
            await self.ledger.flush()  # whose connection it is must outlive us
            self.schedule.soon(NodeName(asked.node), time.monotonic() + SOON_S)
            self.wake.set()
        return reply

    async def for_operator(self, message: bytes, uid: int) -> dict[str, Any]:
        """What an operator is told."""
        try:
            request = json.loads(message)
            verb = request["verb"]
            if verb == "ping":
                return {"pid": os.getpid()}
            if uid not in self.operators:
                return {"error": f"uid {uid} may not {verb}: join the operators' group, or use sudo"}
            if verb == "reload":
                told = [event_in(row) for row in request.get("events", ())]
                await self.look_at_registry()
                self.ledger.events.extend(event for event in told if event.kind is EventKind.REGISTRY)
                for name in {event.node for event in told if event.node}:
                    self.schedule.soon(name, time.monotonic() + SOON_S)
                self.wake.set()
                await self.ledger.flush()
                return {}
            aims = [aim_from(aim) for aim in request["aims"]]
            outcomes = await self.gateway.act(Verb(verb), aims, printable(str(request["operator"])))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            return {"error": f"a malformed request: {error!r}"}
        for node in {aim.node for aim in aims}:
            await self.tell_verdict(node)
        await self.ledger.flush()
        return {"outcomes": [outcome_json(outcome) for outcome in outcomes]}


async def repeat(chore: Callable[[], Awaitable[None]], every_s: float) -> None:
    """Do it now, and again every so often, until cancelled."""
    while True:
        await chore()
        await asyncio.sleep(every_s)


def write_mark(folder: Path, every_s: float) -> None:
    """When the sweep last kept its time, and how old that may become. Raises OSError."""
    replace_text(folder / "_sweep", f"{uptime_s()} {round(3 * every_s)}\n")


def replace_text(path: Path, text: str) -> None:
    """The file whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="ascii")
    temporary.replace(path)


def link_verdict(folder: Path, old: NodeName, new: NodeName) -> None:
    """The beat loop of a connection that was opened under the old name reads the verdict of the new one."""
    temporary = folder / f".{old}.new"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(new)
    temporary.replace(folder / old)


def clear_verdicts(folder: Path, registry: Registry) -> None:
    """Verdicts of another life of the daemon are worth nothing: every node hears 0 until it was looked at."""
    for name in registry.nodes:
        if (folder / name).exists():
            replace_text(folder / name, "0\n")


def raise_file_limit() -> None:
    """As many descriptors as we are allowed: a probe needs one, and a thousand may hang at once."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def prepare_folders(layout: Layout, tunnel_uid: int) -> None:
    """The daemon's own directories, the tunnel user's spool, and the modes that each needs. Raises CheckerError."""
    try:
        layout.run.mkdir(parents=True, exist_ok=True)
        layout.run.chmod(0o755)
        prepare_spool(layout.spool, tunnel_uid)
        layout.state.parent.mkdir(parents=True, exist_ok=True)
        layout.nodes.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        place = error.filename or layout.spool  # of a descriptor the system tells no name, and only the spool is held by one
        raise CheckerError(f"{place} can not be prepared ({error.strerror}); check its permissions") from error


def prepare_spool(spool: Path, tunnel_uid: int) -> None:
    """The tunnel user's directory, which others can not enter. Raises OSError, CheckerError.

    On an installed gateway `init` made it, and its group is the daemon's, whose account is neither root nor the tunnel user.
    """
    if os.geteuid() not in (0, tunnel_uid):
        if not spool.is_dir() or spool.stat().st_uid != tunnel_uid or not os.access(spool, os.R_OK | os.W_OK | os.X_OK):
            raise CheckerError(f"{spool} must belong to the tunnel user, and be ours to clear; run: sudo reversi-checker init")
        return
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(spool, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)  # a link would give away what it leads to
    try:
        found = os.fstat(handle)
        if found.st_mode & 0o007:
            os.fchmod(handle, 0o700)
        if found.st_uid != tunnel_uid:
            os.fchown(handle, tunnel_uid, -1)
    finally:
        os.close(handle)
