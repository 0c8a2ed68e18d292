"""Run a program in a pseudo-terminal, press keys, and count and time what it writes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import statistics
import struct
import termios
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import psutil

from bench.cpu import exact_cpu_s, own_cpu_s
from demo.processes import DemoFailed, end_all, send, tied

WITHIN_S = 30.0
ANSWER_WITHIN_S = 1.5
QUIET_S = 0.08
"""A paint has ended when nothing more was written for this long."""
SETTLED_S = 0.7
AT_WORK = 0.4
"""A silent program that uses more than this share of a core is still preparing output."""
KEPT = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """What a program painted for one key or one change."""

    first_ms: float
    painted_ms: float
    size: int
    """Bytes written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """What a program did in a steady state."""

    seconds: float
    cpu_s: float
    size: int
    """Bytes written."""

    @property
    def share(self) -> float:
        """Percent of a core."""
        return self.cpu_s / self.seconds * 100


class Terminal:
    """The other end of a program's terminal."""

    def __init__(self, master: int, process: Process, began: float) -> None:
        self.master, self.process, self.began = master, process, began
        self.measured = psutil.Process(process.pid)
        self.size = 0
        self.first_at = self.last_at = began
        self.arrived = asyncio.Event()
        self.kept = b""
        self.gone = False

    def take(self) -> None:
        """Read from the terminal; called when it is readable."""
        now = time.monotonic()
        try:
            part = os.read(self.master, 1 << 16)
        except OSError:
            part = b""
        if not part:
            self.gone = True
            asyncio.get_running_loop().remove_reader(self.master)
        elif not self.arrived.is_set():
            self.first_at = now
        self.last_at = now
        self.size += len(part)
        self.kept = (self.kept + part)[-KEPT:]
        self.arrived.set()

    async def more(self, seconds: float) -> bool:
        """Return whether more was written within that time. Raises DemoFailed."""
        try:
            async with asyncio.timeout(seconds):
                await self.arrived.wait()
        except TimeoutError:
            return False
        self.expect_there()
        self.arrived.clear()
        return True

    def expect_there(self) -> None:
        """Raise DemoFailed if the program has ended."""
        if self.gone:
            raise DemoFailed(
                f"the program in the terminal ended; its last output: {self.kept[-1000:]!r}"
            )

    def cpu_s(self) -> float:
        """Return the program's CPU time so far. Raises DemoFailed."""
        self.expect_there()
        return own_cpu_s(self.measured)

    async def until(self, words: bytes) -> float:
        """Wait until the words are written; return the seconds since the start.

        Raises DemoFailed.
        """
        end = time.monotonic() + WITHIN_S
        while words not in self.kept:
            if not await self.more(end - time.monotonic()):
                raise DemoFailed(
                    f"{words!r} was not written; the last output: {self.kept[-1000:]!r}"
                )
        return self.last_at - self.began

    async def settled(self) -> float:
        """Wait until the program is silent and idle; return when it last wrote, since the start."""
        end = time.monotonic() + WITHIN_S
        while time.monotonic() < end:
            spent, size = self.cpu_s(), self.size
            await asyncio.sleep(SETTLED_S)
            if self.size == size and self.cpu_s() - spent < AT_WORK * SETTLED_S:
                break
        return self.last_at - self.began

    async def writes_more(self, seconds: float) -> bool:
        """Return whether more is written before the program has been silent and idle that long.

        Raises DemoFailed.
        """
        end = time.monotonic() + WITHIN_S
        while time.monotonic() < end:
            spent = self.cpu_s()
            if await self.more(seconds):
                return True
            if self.cpu_s() - spent < AT_WORK * seconds:
                return False
        raise DemoFailed(f"the program was busy for {WITHIN_S:g} s and wrote nothing")

    async def answer(self, act: Callable[[], Awaitable[None]]) -> Paint | None:
        """Act, and return what was painted; None if nothing was."""
        self.arrived.clear()
        size, began = self.size, time.monotonic()
        await act()
        if not await self.writes_more(ANSWER_WITHIN_S):
            return None
        first_at = self.first_at
        while await self.writes_more(QUIET_S):
            if time.monotonic() - began > WITHIN_S:
                raise DemoFailed(
                    f"the program was still painting {WITHIN_S:g} s after a key or a change"
                )
        return Paint(
            first_ms=(first_at - began) * 1000,
            painted_ms=(self.last_at - began) * 1000,
            size=self.size - size,
        )

    async def press(self, key: bytes) -> Paint | None:
        async def act() -> None:
            os.write(self.master, key)

        return await self.answer(act)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Stop the program during the block, so that only another one is measured."""
        send(self.process, signal.SIGSTOP)
        try:
            yield
        finally:
            send(self.process, signal.SIGCONT)


@contextlib.asynccontextmanager
async def terminal(
    argv: Sequence[str], env: Mapping[str, str], size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Terminal]:
    """Run the program in a terminal of so many columns and rows, and end it after the block."""
    master, slave = pty.openpty()
    loop = asyncio.get_running_loop()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        began = time.monotonic()
        try:
            process = await asyncio.create_subprocess_exec(
                *tied(argv, signal.SIGKILL),
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=env,
                start_new_session=True,
            )
        finally:
            os.close(slave)
        try:
            opened = Terminal(master, process, began)
            loop.add_reader(master, opened.take)
            yield opened
        finally:
            await end_all([process])
            loop.remove_reader(master)
    finally:
        os.close(master)


async def watch(terminals: Sequence[Terminal], seconds: float) -> list[Spell]:
    """Measure all terminals side by side."""
    before = [(exact_cpu_s(one.measured), one.size) for one in terminals]
    began = time.monotonic()
    await asyncio.sleep(seconds)
    taken_s = time.monotonic() - began
    return [
        Spell(seconds=taken_s, cpu_s=exact_cpu_s(one.measured) - cpu_s, size=one.size - size)
        for one, (cpu_s, size) in zip(terminals, before, strict=True)
    ]


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def high(values: Sequence[float]) -> float:
    """Return the 95th percentile: at most 5 % of the values are higher."""
    ordered = sorted(values)
    return ordered[-(-95 * len(ordered) // 100) - 1]
