"""The process that hosts the gateway: it sweeps all forwards, serves the socket, and keeps the beat loops told."""

from __future__ import annotations

import asyncio
import fcntl
import grp
import heapq
import json
import logging
import os
import pwd
import resource
import signal
import socket
import struct
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from checker import spool
from checker.config import Config, Layout
from checker.control import Verb, aim_from, outcome_json
from checker.gateway import Gateway
from checker.holders import session_above
from checker.judge import CannotKill
from checker.ledger import Ledger
from checker.model import CheckerError, EventKind, Forward, NodeName, Port, ProcessId
from checker.registry import Registry, read_registry, stamp
from checker.store import StateFile, Sweep
from checker.wire import MALFORMED, Malformed, Reply, decode_asked, encode_reply, refusal

log = logging.getLogger(__name__)
FLUSH_EVERY_S = 0.5
LOOK_EVERY_S = 2.0
"""Between looks at the registry's folder."""
PRUNE_EVERY_S = 3600.0
SWEPT_EVERY_S = 2.0
"""Between marks that tell the beat loops of a living daemon."""
READ_WITHIN_S = 5.0
MAX_MESSAGE = 1 << 16
ACKNOWLEDGED = b".\n"


class DaemonRuns(CheckerError):
    """A second daemon on one home."""

    def __init__(self, layout: Layout, pid: str) -> None:
        super().__init__(f"a daemon (process {pid or 'unknown'}) already serves {layout.socket.parent}; stop it, or choose another --home")


def lock_home(layout: Layout) -> int:
    """The descriptor of a lock that lasts as long as this process. Raises DaemonRuns."""
    path = layout.run / "daemon.lock"
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


def uptime_s() -> int:
    """Seconds since boot, as /proc/uptime has them and the beat loops read them."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME))


class Schedule:
    """When each forward is probed next: each at a place of its own in the interval."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.due: list[tuple[float, Port]] = []
        self.forwards: dict[Port, Forward] = {}
        self.at: dict[Port, float] = {}
        self.running: set[Port] = set()

    def use(self, registry: Registry, now: float) -> None:
        """Follow the registry; a forward that is new comes within the next interval, or sooner where there are few."""
        wanted = {forward.port: forward for forward in registry.forwards}
        for port in [port for port in self.at if port not in wanted]:
            del self.at[port]
        spread_s = min(self.every_s, 0.05 * len(wanted))
        for port, forward in wanted.items():
            if port not in self.at:
                self.put(port, now + spread_s * phase(forward))
        self.forwards = wanted

    def put(self, port: Port, at: float) -> None:
        """Probe this port then, and not at the time it had."""
        self.at[port] = at
        heapq.heappush(self.due, (at, port))

    def soon(self, node: NodeName, at: float) -> None:
        """Probe the node's forwards by then."""
        for port, forward in self.forwards.items():
            if forward.node == node and self.at.get(port, at) >= at:
                self.put(port, at)

    def ripe(self, now: float) -> list[Forward]:
        """Forwards that are due, and not under way."""
        found = []
        while self.due and self.due[0][0] <= now:
            at, port = heapq.heappop(self.due)
            if self.at.get(port) == at and port not in self.running:
                self.running.add(port)
                found.append(self.forwards[port])
        return found

    def done(self, forward: Forward, now: float, after_s: float) -> None:
        """Probed: the next time keeps the forward's place in the interval, unless it was asked for meanwhile."""
        self.running.discard(forward.port)
        at = self.at.get(forward.port)
        if at is None:
            return
        following = at + after_s
        self.put(forward.port, at if at > now else following if following > now else now + after_s * phase(forward))

    def overdue_s(self, now: float) -> float:
        """How long the forward that waits longest has been due."""
        waiting = [at for port, at in self.at.items() if port not in self.running]
        return max(0.0, now - min(waiting, default=now))


def phase(forward: Forward) -> float:
    """A forward's place in the interval, 0 to 1, the same in every life of the daemon."""
    return zlib.crc32(f"{forward.node} {forward.port}".encode()) / 2**32


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
        self.stamp: object = None
        self.operators = operator_uids(config)

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.stopping.set)
        listener = listen(self.layout.socket)
        server = await asyncio.start_unix_server(self.serve, sock=listener, limit=MAX_MESSAGE)
        self.follow(self.gateway.registry)
        self.ledger.tell(EventKind.GATEWAY, f"the daemon started, process {os.getpid()}")
        for problem in self.gateway.registry.problems:
            self.ledger.tell(EventKind.GATEWAY, problem)
        async with server, asyncio.TaskGroup() as group:
            chores: tuple[tuple[Callable[[], Awaitable[None]], float], ...] = (
                (self.ledger.flush, FLUSH_EVERY_S),
                (self.look_at_registry, LOOK_EVERY_S),
                (self.mark_swept, SWEPT_EVERY_S),
                (self.collect_spool, LOOK_EVERY_S),
                (self.prune, PRUNE_EVERY_S),
            )
            tasks = [group.create_task(repeat(chore, every_s), name=chore.__name__) for chore, every_s in chores]
            tasks.append(group.create_task(self.gateway.watcher.lateness.run(), name="lateness"))
            tasks.append(group.create_task(self.sweep(), name="sweep"))
            ready()
            await self.stopping.wait()
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
        judgement = await self.gateway.settle(forward)
        after_s = policy.unkillable_every_s if isinstance(judgement.action, CannotKill) else policy.probe_every_s
        self.schedule.done(forward, time.monotonic(), after_s)
        self.wake.set()
        await self.tell_verdict(forward.node)

    async def tell_verdict(self, name: NodeName) -> None:
        """Bring the file that the node's beat loop reads up to date."""
        node = self.gateway.registry.nodes.get(name)
        verdict = self.gateway.verdict(node) if node else 0
        if self.verdicts.get(name) != verdict:
            try:
                await asyncio.to_thread(replace_text, self.layout.run / name, f"{verdict}\n")
            except OSError as error:
                log.error("the verdict of %s can not be written to %s: %s", name, self.layout.run, error.strerror)  # noqa: TRY400 - the sentence is all
                return
            self.verdicts[name] = verdict

    async def mark_swept(self) -> None:
        """Tell the beat loops, and those who read the state file, that the sweep keeps its time."""
        every_s = self.config.policy.probe_every_s
        if self.schedule.overdue_s(time.monotonic()) > every_s:
            return
        self.ledger.sweep = Sweep(pid=os.getpid(), swept_at=time.time(), every_s=every_s)
        try:
            await asyncio.to_thread(replace_text, self.layout.run / "sweep", f"{uptime_s()} {round(3 * every_s)}\n")
        except OSError as error:
            log.error("%s can not be written: %s", self.layout.run / "sweep", error.strerror)  # noqa: TRY400 - the sentence is all

    async def look_at_registry(self) -> None:
        """Read the registry again if it changed."""
        seen = await asyncio.to_thread(stamp, self.layout.nodes)
        if seen == self.stamp:
            return
        self.stamp = seen
        self.follow(await asyncio.to_thread(read_registry, self.layout.nodes))

    def follow(self, registry: Registry) -> None:
        self.gateway.use(registry)
        self.schedule.use(registry, time.monotonic())
        self.wake.set()

    async def collect_spool(self) -> None:
        """Take over what sessions did while no daemon answered."""
        batch = await asyncio.to_thread(spool.collect, self.layout.spool, self.gateway.watcher.uid)
        self.ledger.events.extend(batch.events)
        for registration in batch.registrations:
            self.ledger.register(registration)

    async def prune(self) -> None:
        if self.ledger.store is None:
            return
        try:
            await asyncio.to_thread(self.ledger.store.prune, time.time())
        except CheckerError as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence is all

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to the socket: one message, one answer."""
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
        caller: ProcessId | None = await asyncio.to_thread(session_above, pid, self.gateway.watcher.uid)
        reply: Reply = await self.gateway.answer(asked, caller)
        if "\0" in reply.answer:  # a hold: what the last sweep saw was before it
            await self.tell_verdict(NodeName(asked.node))
            self.schedule.soon(NodeName(asked.node), time.monotonic() + 0.2)
            self.wake.set()
        return encode_reply(reply)

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
                await self.look_at_registry()
                return {}
            aims = [aim_from(aim) for aim in request["aims"]]
            outcomes = await self.gateway.act(Verb(verb), aims, str(request["operator"]))
        except (ValueError, KeyError, TypeError) as error:
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


def operator_uids(config: Config) -> frozenset[int]:
    """Root, the daemon's own user, and the members of the operators' group."""
    uids = {0, os.geteuid()}
    if config.operators_group:
        try:
            group = grp.getgrnam(config.operators_group)
        except KeyError:
            raise CheckerError(f"operators_group {config.operators_group!r} is no group here; make it with groupadd") from None
        uids |= {user.pw_uid for user in pwd.getpwall() if user.pw_gid == group.gr_gid or user.pw_name in group.gr_mem}
    return frozenset(uids)


def credentials(writer: asyncio.StreamWriter) -> tuple[int, int, int]:
    """PID, uid and gid of the peer, from the kernel: unix(7), SO_PEERCRED."""
    peer = writer.get_extra_info("socket")
    pid, uid, gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return pid, uid, gid


def listen(path: Path) -> socket.socket:
    """The daemon's socket; whoever may reach it is told apart by credentials, not by its mode."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")  # its own address has room for 107 bytes
    finally:
        os.close(folder)
    path.chmod(0o666)
    listener.listen(1024)
    return listener


def replace_text(path: Path, text: str) -> None:
    """The file whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="ascii")
    temporary.replace(path)


def raise_file_limit() -> None:
    """As many descriptors as we are allowed: a probe needs one, and a thousand may hang at once."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def prepare_folders(layout: Layout, tunnel_uid: int) -> None:
    """The daemon's own directories, the tunnel user's spool, and the modes that each needs. Raises CheckerError."""
    try:
        layout.run.mkdir(parents=True, exist_ok=True)
        layout.run.chmod(0o755)
        layout.spool.mkdir(parents=True, exist_ok=True)
        layout.spool.chmod(0o700)
        if layout.spool.stat().st_uid != tunnel_uid:
            os.chown(layout.spool, tunnel_uid, -1)
        layout.state.parent.mkdir(parents=True, exist_ok=True)
        layout.nodes.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckerError(f"{error.filename} can not be prepared ({error.strerror}); check its permissions") from error
