"""Measure the console with up to 5,000 rows, side by side with Textual's own DataTable.

Both read one state file, which a third process writes, in terminals of the same size. While one's
keys are timed, the other is stopped. Sweeps go on meanwhile, as on a real gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.console_events import event_figures, write_past
from bench.console_figures import (
    Measured,
    Wide,
    move_figure,
    once_figure,
    sheet_figure,
    size_figures,
    wide_figure,
)
from bench.console_home import make_home, names
from bench.console_keys import all_keys, answered, moved, paged, sheets
from bench.console_large import Large, large_figures
from bench.console_plan import ConsolePlan
from bench.console_pty import Paint, Spell, Terminal, terminal, watch
from bench.console_uptime import uptime_figure, write_month
from bench.cpu import memory_of
from bench.figures import Figure
from bench.setting import Scale
from checker.config.layout import home_layout
from checker.model import Status
from demo.processes import DemoFailed, end_all, environment, program, tied
from demo.stage import temporary_home

WIDE = (200, 50)
USUAL = (120, 40)
SEEN_ROW = 3
"""The row that changes: it is on the first page of any terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One size of the table."""

    home: Path
    rows: int
    env: Mapping[str, str]

    def fresh(self) -> Mapping[str, str]:
        """Return an environment for a program, with an empty state directory."""
        return {
            **self.env,
            "XDG_STATE_HOME": tempfile.mkdtemp(prefix="state-", dir=self.home.parent),
        }

    @property
    def commands(self) -> tuple[list[str], list[str]]:
        """The command lines of the console and of the DataTable, both sorted by node: the rows
        that are awaited are then on the first page, and one that changes its status stays there.
        """
        home = str(self.home)
        return [program("reversi-tui"), "--home", home, "--sort", "node"], [
            sys.executable,
            "-m",
            "bench.datatable_app",
            home,
        ]


class Writer:
    """The process that writes the state file."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def send(self, line: str) -> None:
        """Send an order, and wait until it is carried out. Raises DemoFailed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n".encode())
        if await self.process.stdout.readline() != b"done\n":
            raise DemoFailed(f"the writer of the state file could not {line}")


@contextlib.asynccontextmanager
async def writer(setting: Setting) -> AsyncIterator[Writer]:
    argv = tied([sys.executable, "-m", "bench.console_writer", str(setting.home)], signal.SIGKILL)
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=PIPE, stdout=PIPE, env=setting.env, start_new_session=True
    )
    try:
        yield Writer(process)
    finally:
        await end_all([process])


@contextlib.asynccontextmanager
async def gateway_of(rows: int) -> AsyncIterator[Setting]:
    """Make a gateway's directory with so many nodes; later, remove it and the programs' state."""
    with temporary_home() as folder:
        home = folder / "gateway"
        kept = {
            name: value
            for name, value in environment(folder).items()
            if not name.startswith(("TEXTUAL_", "NO_COLOR", "COLORTERM"))
        }
        env = kept | {
            "TERM": "xterm-256color",
            "TEXTUAL_ANIMATIONS": "none",
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        await asyncio.to_thread(make_home, home, rows, time.time())
        yield Setting(home=home, rows=rows, env=env)


async def first_rows(opened: Terminal, setting: Setting) -> float:
    return await opened.until(names(setting.rows)[0].encode())


async def starts(setting: Setting, argv: list[str], count: int) -> list[float]:
    """Start the program so many times; return the seconds to the first row of each."""
    found = []
    for _ in range(count):
        async with terminal(argv, setting.fresh()) as opened:
            found.append(await first_rows(opened, setting))
    return found


async def changed_rows(
    opened: Terminal, setting: Setting, state: Writer, count: int
) -> tuple[Paint, ...]:
    """Change a visible row again and again; return what was painted each time."""
    node = names(setting.rows)[SEEN_ROW]
    answers = []
    for number in range(count):
        status = Status.REFUSED if number % 2 else Status.WRONG
        order = functools.partial(state.send, f"one {node} {status}")
        answers.append(await opened.answer(order))
    return answered(answers, "a row changed")


async def steady(opened: list[Terminal], state: Writer, mode: str, seconds: float) -> list[Spell]:
    """Measure what both do in one mode of the writer."""
    await state.send(mode)
    async with asyncio.TaskGroup() as group:
        for one in opened:
            group.create_task(one.settled(), name="settle")
    return await watch(opened, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A program that shows the whole table."""

    terminal: Terminal
    first_rows_s: list[float]
    settled_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What a program painted for each key, and for a changed row."""

    changed: tuple[Paint, ...]
    keys: Mapping[str, tuple[Paint, ...]]


async def start(
    setting: Setting, argv: list[str], plan: ConsolePlan, stack: contextlib.AsyncExitStack
) -> Started:
    """Start the program as often as planned, and keep the last one."""
    earlier = await starts(setting, argv, plan.starts_at(setting.rows) - 1)
    opened = await stack.enter_async_context(terminal(argv, setting.fresh()))
    found = [*earlier, await first_rows(opened, setting)]
    return Started(terminal=opened, first_rows_s=found, settled_s=await opened.settled())


async def pressed(
    one: Terminal, other: Terminal, setting: Setting, state: Writer, plan: ConsolePlan
) -> Pressed:
    with other.held():
        await one.settled()
        presses = plan.presses_at(setting.rows)
        changed = await changed_rows(one, setting, state, max(2, presses // 5))
        return Pressed(
            changed=changed, keys=await all_keys(one, presses, plan.letters_at(setting.rows))
        )


async def measure(setting: Setting, plan: ConsolePlan) -> tuple[Measured, Measured]:
    """Measure the console and the DataTable."""
    is_last = plan.is_last(setting.rows)
    async with contextlib.AsyncExitStack() as stack:
        state = await stack.enter_async_context(writer(setting))
        await state.send("sweep")
        both = [await start(setting, argv, plan, stack) for argv in setting.commands]
        opened = [one.terminal for one in both]
        rest = await steady(opened, state, "rest", plan.watch_s) if is_last else None
        swept = await steady(opened, state, "sweep", plan.watch_s)
        await state.send("change")
        busy = await watch(opened, plan.watch_s if is_last else plan.watch_s / 2)
        memory = [memory_of(one.measured) for one in opened]
        await state.send("sweep")
        keyed = [
            await pressed(one, other, setting, state, plan) for one, other in (opened, opened[::-1])
        ]
    console, beside = (
        Measured(
            first_rows_s=both[n].first_rows_s,
            settled_s=both[n].settled_s,
            rest=rest[n] if rest else None,
            swept=swept[n],
            busy=busy[n],
            memory=memory[n],
            changed=keyed[n].changed,
            keys=keyed[n].keys,
        )
        for n in (0, 1)
    )
    return console, beside


async def measure_wide(setting: Setting, plan: ConsolePlan) -> Wide:
    """Measure a scrolled page in a large terminal."""
    found = []
    for argv in setting.commands:
        async with terminal(argv, setting.fresh(), WIDE) as opened:
            await first_rows(opened, setting)
            await opened.settled()
            found.append(await paged(opened, plan.presses // 3))
    return Wide(console=found[0], beside=found[1])


async def measure_usual(setting: Setting, plan: ConsolePlan) -> list[Figure]:
    """Measure moves of the cursor, and the sheet of a row, in larger terminals."""
    figures = []
    presses = max(2, plan.presses // 2)
    for size in (USUAL, WIDE):
        async with terminal(setting.commands[0], setting.fresh(), size) as opened:
            await first_rows(opened, setting)
            await opened.settled()
            figures.append(move_figure(setting.rows, size, await moved(opened, presses)))
            if size == USUAL:
                sheet = await sheets(opened, presses)
                figures.append(sheet_figure(setting.rows, size, sheet))
    return figures


async def measure_large(plan: ConsolePlan) -> list[Figure]:
    """Measure the console only, with a very large table."""
    async with gateway_of(plan.large) as setting, writer(setting) as state:
        await state.send("sweep")
        async with terminal(setting.commands[0], setting.fresh()) as opened:
            first_s = await first_rows(opened, setting)
            settled_s = await opened.settled()
            presses, letters = max(2, plan.presses // 2), max(2, plan.letters // 2)
            changed = await changed_rows(opened, setting, state, 2)
            keys = await all_keys(opened, presses, letters)
            (swept,) = await steady([opened], state, "sweep", plan.watch_s)
            found = Large(
                first_rows_s=first_s,
                settled_s=settled_s,
                swept=swept,
                memory=memory_of(opened.measured),
                changed=changed,
                keys=keys,
            )
    return list(large_figures(plan.large, found))


async def uptime(plan: ConsolePlan) -> Figure:
    """Measure the uptime screen."""
    async with gateway_of(plan.uptime_rows) as setting:
        await asyncio.to_thread(write_month, home_layout(setting.home), plan.uptime_rows)
        async with terminal(setting.commands[0], setting.fresh()) as opened:
            await first_rows(opened, setting)
            return await uptime_figure(opened, plan.uptime_rows, max(2, plan.starts))


def run_ms(argv: list[str], env: Mapping[str, str]) -> float:
    """Return how long a command runs. Raises DemoFailed."""
    began = time.monotonic()
    done = subprocess.run(
        argv,
        env=env,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if done.returncode not in (0, 1):  # 1: something is not up, as it is here
        raise DemoFailed(f"{' '.join(argv)} failed: {done.stderr.decode(errors='replace')[-300:]}")
    return (time.monotonic() - began) * 1000


async def event_log(plan: ConsolePlan) -> list[Figure]:
    """Measure the event log over a small table."""
    rows = plan.rows[0]
    async with gateway_of(rows) as setting:
        layout = home_layout(setting.home)
        await asyncio.to_thread(write_past, layout, plan.events, names(rows))
        async with terminal(setting.commands[0], setting.fresh()) as opened:
            await first_rows(opened, setting)
            return await event_figures(opened, layout.state, plan)


async def once(plan: ConsolePlan) -> Figure:
    """Measure `--once --json`, alternating with a Python that does nothing."""
    shown: list[float] = []
    nothing: list[float] = []
    async with gateway_of(plan.once_nodes) as setting:
        argv = [*setting.commands[0], "--once", "--json"]
        for _ in range(plan.once_runs):
            shown.append(await asyncio.to_thread(run_ms, argv, setting.env))
            nothing.append(
                await asyncio.to_thread(run_ms, [sys.executable, "-c", "pass"], setting.env)
            )
    return once_figure(plan.once_nodes, shown, nothing)


async def console(scale: Scale) -> list[Figure]:
    """Measure every figure of the console."""
    plan = scale.console
    figures = []
    for rows in plan.rows:
        async with gateway_of(rows) as setting:
            figures += size_figures(rows, *await measure(setting, plan))
            if rows == plan.rows[-1]:
                figures.append(wide_figure(rows, WIDE, await measure_wide(setting, plan)))
                figures += await measure_usual(setting, plan)
    figures += [*await event_log(plan), await uptime(plan), await once(plan)]
    try:
        return [*figures, *await measure_large(plan)]
    except DemoFailed as failure:  # on a machine under load; the figures before it stay
        what = f"console, {plan.large:,} rows: first rows"
        return [*figures, Figure(what=what, measured=f"not measured: {failure}", met=False)]
