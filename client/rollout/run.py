"""`reversi-client rollout`: carry out the plan, several devices at once, and print the table."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.config.layout import Layout
from checker.model import CheckerError
from checker.model.gateway_id import GatewayId
from checker.output import aligned
from checker.registry.pins import Pins
from client.bundle.build import CannotBuild, Source, confirm, find_source
from client.bundle.noted_pins import note, note_installed, pins_in
from client.errors import ClientError
from client.rollout.course import FAILURES_IN_A_ROW, Came, Course, Result, counts, table
from client.rollout.device import Login
from client.rollout.memory import Memory, memory_path
from client.rollout.options import RolloutOptions
from client.rollout.plan import Plan, plan
from client.rollout.progress import Progress
from client.rollout.upgrade import upgrade_of
from client.rollout.view import View, refuse_without_daemon, view_of
from client.rollout.way import Job

if TYPE_CHECKING:
    from client.rollout.elsewhere import Elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A rollout that goes on: who is next, and what came of the others."""

    wanted: RolloutOptions
    source: Source
    view: View
    memory: Memory
    course: Course
    progress: Progress
    waiting: deque[Job]

    async def carry_out(self) -> None:
        """Go to the devices, until all were visited or too many failed."""
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while running or (self.waiting and not self.course.must_stop):
                while (
                    self.waiting and not self.course.must_stop and len(running) < self.course.limit
                ):
                    job = self.waiting.popleft()
                    running.add(group.create_task(self.visit(job), name=f"upgrade {job.name}"))
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)

    async def visit(self, job: Job) -> None:
        """Upgrade one device, and remember what came of it."""
        self.progress.started(job.name)
        await self.note_pins(job, note)
        login = Login(user=self.wanted.user, sudo=self.wanted.sudo, options=self.wanted.ssh_options)
        came = await upgrade_of(job, self.view, login, self.wanted.within_s).carry_out()
        self.course.came.append(came)
        self.progress.ended(came)
        if came.result.is_done:
            await self.note_pins(job, note_installed)
            trouble = self.memory.note(job.bundle.name, job.digest)
            if trouble:
                self.progress.line(f"reversi-client: warning: {trouble}")

    async def note_pins(self, job: Job, write: Callable[[Layout, str, Pins], None]) -> None:
        """Note which host keys the device may have, or has."""
        pins = pins_in(job.bundle, self.source.pins, int(time.time()))
        try:
            await asyncio.to_thread(write, self.source.layout, job.name, pins)
        except CheckerError as error:
            self.progress.line(f"reversi-client: warning: {error}")


class NoSsh(ClientError):
    """A rollout needs OpenSSH's client."""

    def __init__(self) -> None:
        super().__init__("there is no ssh here; install OpenSSH's client")


def agreed(wanted: RolloutOptions, number: int) -> bool:
    """Whether to go on: asked only at a terminal, and not with `--yes`."""
    if wanted.yes or not number or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    few = f", {wanted.at_once} at once" if number > 1 else ""
    print(f"upgrade {number} device(s){few}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def planned(found: Plan, why: Result) -> list[Came]:
    return [*found.others, *(job.came(why) for job in found.jobs)]


def report(came: list[Came]) -> None:
    """Print the table, and the counts."""
    print(aligned(table(came)))
    print(f"reversi-client: {counts(came) or 'no nodes'}", file=sys.stderr)


def carried_out(
    wanted: RolloutOptions, source: Source, view: View, memory: Memory, found: Plan
) -> list[Came]:
    """Go to the devices of the plan; print the table also when interrupted."""
    rollout = Rollout(
        wanted=wanted,
        source=source,
        view=view,
        memory=memory,
        course=Course(at_once=wanted.at_once),
        progress=Progress(total=len(found.jobs), out=sys.stderr),
        waiting=deque(found.jobs),
    )
    came = rollout.course.came
    try:
        asyncio.run(rollout.carry_out())
    finally:
        ended = {one.name for one in came} | {job.name for job in rollout.waiting}
        came += [
            job.came(Result.FAILED, "interrupted: its upgrade may go on by itself")
            for job in found.jobs
            if job.name not in ended
        ]
        came += [job.came(Result.LEFT) for job in rollout.waiting]
        rollout.progress.close()
        report([*found.others, *came])
    if rollout.course.must_stop:
        print(
            f"reversi-client: stopped after {FAILURES_IN_A_ROW} failures in a row; mend the cause,"
            " and run it again",
            file=sys.stderr,
        )
    return [*found.others, *came]


def elsewhere(source: Source) -> Elsewhere | None:
    """Return what reads the mirrors of the other gateways; None: there is no fleet."""
    if source.config.fleet is None:
        return None
    from client.rollout.elsewhere import Elsewhere  # only a fleet has mirrors

    return Elsewhere(layout=source.layout, own=GatewayId(source.config.fleet.name))


def roll_out(wanted: RolloutOptions) -> bool:
    """Carry out `rollout`, and return whether every device is done. Raises ClientError."""
    try:
        source = find_source(wanted.build)
        confirm(source, wanted.build, sys.stderr)
        memory = Memory(memory_path(source.layout, os.environ))
        with view_of(source.layout, elsewhere(source)) as view:
            found = plan(source, wanted, view, memory)
            if wanted.dry_run:
                report(planned(found, Result.PLANNED))
                return True
            if shutil.which("ssh") is None:
                raise NoSsh
            refuse_without_daemon(view)
            if not agreed(wanted, len(found.jobs)):
                report(planned(found, Result.LEFT))
                return False
            came = carried_out(wanted, source, view, memory, found)
    except CheckerError as error:
        raise CannotBuild(str(error)) from error
    return all(one.result.is_done for one in came)
