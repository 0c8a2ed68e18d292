"""Read sshd's log: a private sshd's from a socket, the machine's from the journal or a log file.

The daemon never waits for a line, works without any, and keeps no more of them than one read
returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable, Collection
from io import BufferedReader
from pathlib import Path

from checker.linux.children import end_child, ending_with_us
from checker.model import printable
from checker.sshd.log_formats import from_journal, from_syslog
from checker.sshd.log_lines import LogLine, is_routine

LINE_BYTES = 4096
"""The rest of a longer line is dropped; sshd truncates its own at 1024."""
READ_BYTES = 1 << 18


class LogFile:
    """Follow a growing file from its end on; read a file that replaces it from its beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: BufferedReader | None = None
        self.is_first = True
        self.begun = b""

    def take(self) -> list[str]:
        """Return the new whole lines, as far as one read returns them. Raises OSError."""
        if self.file is None:
            self.file = self.path.open("rb")
            self.file.seek(0, os.SEEK_END if self.is_first else os.SEEK_SET)
            self.is_first = False
        if os.fstat(self.file.fileno()).st_size < self.file.tell():
            self.file.seek(0)
            self.begun = b""
        came = self.file.read(READ_BYTES)
        if not came and self.is_replaced():
            self.close()
            self.begun = b""
        *whole, rest = (self.begun + came).split(b"\n")
        self.begun = rest[:LINE_BYTES]
        return [line[:LINE_BYTES].decode("utf-8", "replace") for line in whole]

    def is_replaced(self) -> bool:
        """Return whether another file has its name; for a moment of a rotation, none has."""
        assert self.file is not None
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        opened = os.fstat(self.file.fileno())
        return (found.st_dev, found.st_ino) != (opened.st_dev, opened.st_ino)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


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
"""Lines that are handled before other tasks get their turn."""
AT_END = 4096
"""More than a socket has room for. A process that outlives its sshd may write for ever."""
LOOK_EVERY_S = 1.0
AGAIN_AFTER_S = 30.0
CREDENTIALS = struct.Struct("3i")


class PrivateLog:
    """The stderr of our private sshd: a socket that keeps its messages apart, and reports which
    process wrote each.

    A pipe would do neither: sshd passes on a newline in a client's words, so anyone with a key
    could forge lines. The socket does not block the writer either: what comes too fast is lost.
    """

    def __init__(self, hear: Callable[[LogLine], None]) -> None:
        self.hear = hear
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.ours.setblocking(False)
        self.theirs.setblocking(False)
        asyncio.get_running_loop().add_reader(self.ours, self.read, AT_ONCE)

    def read(self, at_most: int) -> bool:
        """Handle what waits; return whether there may be more."""
        for _ in range(at_most):
            try:
                message, extra, _, _ = self.ours.recvmsg(
                    LINE_BYTES, socket.CMSG_SPACE(CREDENTIALS.size)
                )
            except BlockingIOError:
                return False
            if not message:
                asyncio.get_running_loop().remove_reader(self.ours)  # the last writer ended
                return False
            pid, uid, _ = next(
                (
                    CREDENTIALS.unpack(value)
                    for _, kind, value in extra
                    if kind == socket.SCM_CREDENTIALS
                ),
                (0, -1, -1),
            )
            self.take(LogLine(text=message.decode("latin-1").rstrip("\r\n"), pid=pid, uid=uid))
        return True

    def take(self, line: LogLine) -> None:
        """Handle the line, and log it if it reports a fault."""
        self.hear(line)
        if not is_routine(line.text):
            log.warning("sshd: %s", printable(line.text, LINE_BYTES))

    def close(self) -> None:
        """Handle what was written until now, and close the socket."""
        self.theirs.close()
        self.read(AT_END)
        asyncio.get_running_loop().remove_reader(self.ours)
        self.ours.close()


def journal_answers() -> bool:
    """Return whether there is a journal here that we may read."""
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
    """Return the file to which syslog writes sshd's lines, if we may read it."""
    for path in LOG_FILES:
        # access(2) of an older C library ignores capabilities
        with contextlib.suppress(OSError), path.open("rb"):
            return path
    return None


def source() -> str:
    """Say from where the daemon reads sshd's lines; empty if from nowhere."""
    return "the journal" if journal_answers() else str(log_file() or "")


async def follow_journal(hear: Callable[[LogLine], None], uids: Collection[int]) -> None:
    """Pass on each new entry of sshd that one of these users wrote, until journalctl ends. It dies
    with us.
    """
    with_us = await asyncio.to_thread(ending_with_us)
    wanted = (*SSHD, *(f"_UID={uid}" for uid in uids))
    try:
        process = await asyncio.create_subprocess_exec(
            *with_us,
            *JOURNALCTL,
            "--follow",
            "--lines=0",
            *wanted,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        log.warning("journalctl cannot be started: %s", error.strerror)
        return
    try:
        assert process.stdout is not None
        while True:
            with contextlib.suppress(ValueError):  # longer than any line of sshd, or not JSON
                entry = await process.stdout.readline()
                if not entry:
                    return
                line = from_journal(json.loads(entry))
                if line is not None:
                    hear(line)
    finally:
        await end_child(process)


async def follow_file(path: Path, hear: Callable[[LogLine], None]) -> None:
    """Pass on each new line of sshd in a log file that may be replaced or truncated, until it
    cannot be read.
    """
    with contextlib.closing(LogFile(path)) as file:
        while True:
            try:
                lines = await asyncio.to_thread(file.take)
            except OSError as error:
                log.warning("%s cannot be read: %s", path, error.strerror)
                return
            for number, text in enumerate(lines, start=1):
                line = from_syslog(text)
                if line is not None:
                    hear(line)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(LOOK_EVERY_S)
