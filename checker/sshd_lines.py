"""Reading sshd's lines, and what becomes of them: of a private sshd through a socket, of the
machine's from the journal or its log file.

The daemon never waits for a line, never fails for want of one, and holds no more of them than one
read brings.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from checker.children import ending_with_us
from checker.gateway import Gateway
from checker.holders import read_process
from checker.logfile import LINE_BYTES, LogFile
from checker.model import NodeName, printable
from checker.refusals import Hearing, Refusal, fingerprint
from checker.sshd_log import Line, from_journal, from_syslog, is_routine

log = logging.getLogger(__name__)
JOURNALCTL = (
    "journalctl",
    "--system",
    "--quiet",
    "--output=json",
    "--output-fields=MESSAGE,_PID,_UID",
)
SSHD = ("SYSLOG_IDENTIFIER=sshd", "SYSLOG_IDENTIFIER=sshd-session", "SYSLOG_IDENTIFIER=sshd-auth")
LOG_FILES = (Path("/var/log/auth.log"), Path("/var/log/secure"))
AT_ONCE = 64
"""Lines that are taken in before others have their turn."""
AT_END = 4096
"""More than there is room for in a socket; what outlives its sshd may write for ever."""
LOOK_EVERY_S = 1.0
AGAIN_AFTER_S = 30.0
ENDS_WITHIN_S = 3.0
CREDENTIALS = struct.Struct("3i")


class Attempts:
    """What sshd's lines mean at one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.hearing = Hearing(gateway.config.tunnel_user, gateway.watcher.uid, parent_of=parent_of)
        self.nodes: dict[str, NodeName] = {}
        self.registry: object = None

    def hear(self, line: Line) -> None:
        """A refusal becomes an event."""
        refusal = self.hearing.hear(line)
        if refusal is None:
            return
        node = self.node_of(refusal)
        place = f"[{refusal.address}]" if ":" in refusal.address else refusal.address
        peer = f"{place}:{refusal.port}" if refusal.port else place or "an unknown peer"
        actor = (
            f"node {node}"
            if node
            else f"address {refusal.address}"
            if refusal.address
            else "an unknown peer"
        )
        self.gateway.tell_refused(
            node or NodeName(actor),
            f"sshd refused {refusal.what}, asked for by {peer}",
            actor=actor,
        )

    def node_of(self, refusal: Refusal) -> NodeName | None:
        """Whose key it was, or whose registered connection it is; None for the shared key, and for
        one that is nobody's.
        """
        registry = self.gateway.registry
        if self.registry is not registry:
            self.nodes = {
                fingerprint(key): node.name
                for node in registry.nodes.values()
                for key in node.public_keys
            }
            self.registry = registry
        if refusal.fingerprint:
            return self.nodes.get(refusal.fingerprint)
        process = read_process(refusal.pid) if refusal.pid is not None else None
        registration = self.gateway.ledger.registrations.get(process.id) if process else None
        return registration.node if registration else None


def parent_of(pid: int) -> int | None:
    process = read_process(pid)
    return process.parent if process else None


class PrivateLog:
    """The stderr of an sshd of ours: a socket that keeps its messages apart, and tells which
    process wrote each.

    A pipe would do neither: sshd lets a newline in a client's words through, and so anyone with a
    key could write lines of his own. It does not block the writer either: what comes too fast is
    lost.
    """

    def __init__(self, hear: Callable[[Line], None]) -> None:
        self.hear = hear
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.ours.setblocking(False)
        self.theirs.setblocking(False)
        asyncio.get_running_loop().add_reader(self.ours, self.read, AT_ONCE)

    def read(self, at_most: int) -> bool:
        """Take in what waits; whether there may be more."""
        for _ in range(at_most):
            try:
                message, extra, _, _ = self.ours.recvmsg(
                    LINE_BYTES, socket.CMSG_SPACE(CREDENTIALS.size)
                )
            except BlockingIOError:
                return False
            if not message:
                asyncio.get_running_loop().remove_reader(self.ours)  # the last of them ended
                return False
            pid, uid, _ = next(
                (
                    CREDENTIALS.unpack(value)
                    for _, kind, value in extra
                    if kind == socket.SCM_CREDENTIALS
                ),
                (0, -1, -1),
            )
            self.take(Line(text=message.decode("latin-1").rstrip("\r\n"), pid=pid, uid=uid))
        return True

    def take(self, line: Line) -> None:
        """Hear it, and show what tells of a fault."""
        self.hear(line)
        if not is_routine(line.text):
            log.warning("sshd: %s", printable(line.text, LINE_BYTES))

    def close(self) -> None:
        """What was written until now is still taken in."""
        self.theirs.close()
        self.read(AT_END)
        asyncio.get_running_loop().remove_reader(self.ours)
        self.ours.close()


@contextlib.contextmanager
def private_log(gateway: Gateway) -> Iterator[PrivateLog]:
    """An open one for the block."""
    opened = PrivateLog(Attempts(gateway).hear)
    try:
        yield opened
    finally:
        opened.close()


def journal_answers() -> bool:
    """Whether there is a journal here, and we may read it."""
    if shutil.which(JOURNALCTL[0]) is None:
        return False
    try:
        asked = subprocess.run(
            [*JOURNALCTL, "--lines=1"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and bool(asked.stdout.strip())


def log_file() -> Path | None:
    """Where syslog puts sshd's lines, if we may read it."""
    for path in LOG_FILES:
        # an access(2) of an older C library knows no capabilities
        with contextlib.suppress(OSError), path.open("rb"):
            return path
    return None


def source() -> str:
    """Where the daemon reads sshd's lines, as a clause; empty for nowhere."""
    return "the journal" if journal_answers() else str(log_file() or "")


async def follow(gateway: Gateway) -> None:
    """Hear what the machine's sshd writes, for ever; where nothing is to be read, look again
    later.
    """
    attempts = Attempts(gateway)
    while True:
        if await asyncio.to_thread(journal_answers):
            await follow_journal(attempts.hear, (0, gateway.watcher.uid))
        elif path := await asyncio.to_thread(log_file):
            await follow_file(path, attempts.hear)
        await asyncio.sleep(AGAIN_AFTER_S)


async def follow_journal(hear: Callable[[Line], None], uids: Collection[int]) -> None:
    """Each new entry of sshd's that one of these users wrote, until journalctl ends; it ends with
    us.
    """
    with_us = await asyncio.to_thread(ending_with_us)
    words = (
        *with_us,
        *JOURNALCTL,
        "--follow",
        "--lines=0",
        *SSHD,
        *(f"_UID={uid}" for uid in uids),
    )
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        log.warning("journalctl does not start: %s", error.strerror)
        return
    try:
        assert process.stdout is not None
        while True:
            with contextlib.suppress(ValueError):  # longer than a line of sshd's can be, or no JSON
                entry = await process.stdout.readline()
                if not entry:
                    return
                line = from_journal(json.loads(entry))
                if line is not None:
                    hear(line)
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """Not without its end."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def follow_file(path: Path, hear: Callable[[Line], None]) -> None:
    """Each new line of sshd's in a log file that may be replaced or cut off, until it can not be
    read.
    """
    with contextlib.closing(LogFile(path)) as file:
        while True:
            try:
                lines = await asyncio.to_thread(file.take)
            except OSError as error:
                log.warning("%s can not be read: %s", path, error.strerror)
                return
            for number, text in enumerate(lines, start=1):
                line = from_syslog(text)
                if line is not None:
                    hear(line)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(LOOK_EVERY_S)
