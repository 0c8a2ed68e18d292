"""`python -m demo.film FILE.svg`: film the demo's console while it heals a hang.

The demo runs as always, with one freeze. The real console wrote everything on the picture except
the caption. The result is an animated SVG.
Needs pyte, a development dependency.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pyte

from checker.model import Status
from demo.film_svg import COLUMNS, ROWS, Frame, Line, Phase, animated, runs_of
from demo.processes import DemoFailed, end_all, program, tied
from demo.scene import FREEZER, ROLES, Progress
from demo.stage import POLL_S, Stage, staged

SETTLED_WITHIN_S = 300.0
HEALED_WITHIN_S = 180.0
UP_BEFORE_S = 100.0
"""How long the nodes stay up before the freeze: by then the gateway knows that the link is fast."""
LEAD_S = 6.0
TAIL_S = 10.0
UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b\[[<=>][0-9;]*[ -/]*[@-~]|\x1b\[\?[0-9;]*\$p|\x1bP.*?\x1b\\|\x1b\].*?(?:\x07|\x1b\\)",
    re.DOTALL,
)
"""Key protocols, queries of the terminal, and titles."""


class Camera:
    """A console on a pseudo-terminal, and what its screen shows."""

    def __init__(self, master: int, process: Process) -> None:
        self.master, self.process = master, process
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.waiting = b""

    def take_in(self) -> None:
        """Read what the console has written; it writes a whole picture at once."""
        try:
            while part := os.read(self.master, 1 << 16):
                self.waiting += part
        except BlockingIOError:
            pass
        self.stream.feed(UNKNOWN_TO_PYTE.sub(b"", self.waiting))
        self.waiting = b""

    async def roll(self, seconds: float) -> None:
        """Wait, and keep reading: a console with a full terminal would block."""
        end_at = time.monotonic() + seconds
        while time.monotonic() < end_at:
            self.take_in()
            await asyncio.sleep(POLL_S)

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def lines(self) -> tuple[Line, ...]:
        self.take_in()
        rows = ([self.screen.buffer[y][x] for x in range(COLUMNS)] for y in range(ROWS))
        return tuple(
            runs_of([(c.data, c.fg, c.bg, c.bold, c.reverse) for c in row]) for row in rows
        )


@asynccontextmanager
async def camera(stage: Stage) -> AsyncIterator[Camera]:
    """Run the console of this stage, and end it after the block."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    os.set_blocking(master, False)
    env = {**stage.env, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    for name in ("COLORTERM", "NO_COLOR", "TMUX", "STY"):
        env.pop(name, None)
    argv = [program("reversi-tui"), "--home", str(stage.home), "--no-remember"]
    process = await asyncio.create_subprocess_exec(
        *tied(argv, signal.SIGKILL),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=env,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Camera(master, process)
    finally:
        await end_all([process])
        os.close(master)


async def until_settled(stage: Stage) -> None:
    """Wait until every node has had the status that it should have."""
    progress = Progress(ROLES)
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while not progress.is_settled:
            progress.update(stage.tunnels())
            await asyncio.sleep(POLL_S)


def caption(stage: Stage, kills: int, since_s: float | None) -> tuple[Phase, str]:
    """Return the step of the story, and its caption."""
    tunnel = stage.tunnels()[FREEZER.name]
    if since_s is None:
        return Phase.BEFORE, "Eight devices, each with a reverse SSH tunnel to this gateway."
    clock = f"{since_s:2.0f} s: "
    if tunnel.kills > kills and tunnel.status is Status.UP:
        return Phase.BACK, f"{clock}The device has reconnected. Nobody had to go there."
    if tunnel.kills > kills:
        return (
            Phase.KILLED,
            f"{clock}reversi has killed the sshd process that held the port. The port is free.",
        )
    if tunnel.status is Status.HUNG:
        return Phase.HUNG, f"{clock}Hung: the port accepts, and no response comes."
    return Phase.FROZEN, f"{clock}The client on freezer has frozen. Neither end notices."


async def shoot(stage: Stage, seen: Camera) -> list[Frame]:
    """Film one hang, from LEAD_S before the freeze until TAIL_S after the device is back."""
    kills = stage.tunnels()[FREEZER.name].kills
    began = time.monotonic()
    frozen_at: float | None = None
    back_at: float | None = None
    freezing: asyncio.Task[None] | None = None
    frames: list[Frame] = []
    async with asyncio.timeout(HEALED_WITHIN_S), asyncio.TaskGroup() as group:
        while back_at is None or time.monotonic() < back_at + TAIL_S:
            now = time.monotonic()
            if freezing is None and now > began + LEAD_S:
                frozen_at = now
                freezing = group.create_task(stage.freeze(), name="freeze")
            phase, text = caption(
                stage, kills, None if frozen_at is None else (back_at or now) - frozen_at
            )
            if phase is Phase.BACK and back_at is None:
                back_at = now
            frames.append(Frame(at_s=now - began, phase=phase, caption=text, lines=seen.lines()))
            await asyncio.sleep(POLL_S)
    return frames


async def film() -> list[Frame]:
    """Run the demo, and return the frames of one hang. Raises DemoFailed."""
    async with staged() as stage:
        await until_settled(stage)
        async with camera(stage) as seen:
            await seen.roll(UP_BEFORE_S)
            for _ in range([role.name for role in ROLES].index(FREEZER.name)):
                seen.press(b"\x1b[B")
            await seen.roll(1.0)
            return await shoot(stage, seen)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m demo.film", description="Film the console while it heals a hang."
    )
    parser.add_argument("file", type=Path, help="the SVG to write")
    file = parser.parse_args().file
    failure: Exception | None = None
    try:
        file.write_text(animated(asyncio.run(film())), encoding="utf-8")
    except* DemoFailed as failures:
        failure = failures.exceptions[0]
    if failure is not None:
        print(f"demo: {failure}", file=sys.stderr)
    return 0 if failure is None else 1


if __name__ == "__main__":
    sys.exit(main())
