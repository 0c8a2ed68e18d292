"""Runs one of the operator's own commands on many rows, several at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

from checker.model import CheckerError, EventKind
from checker.rows.cells import named
from checker.rows.row import Row
from reversi_tui.actions.batch import AT_ONCE, KEPT_BYTES, Batch, Done
from reversi_tui.actions.own_commands import Ran, Stop, run
from reversi_tui.screens.batch_sheet import BatchSheet
from reversi_tui.screens.desk import Desk
from reversi_tui.settings.preferences import Command
from reversi_tui.terminal.process_group import shown
from reversi_tui.terminal.threads import detached

Record = Callable[[EventKind, Row, Sequence[str]], Awaitable[None]]
FillIn = Callable[[Command, Row], tuple[str, ...]]


class BatchRunner:
    """Each row is looked at again, and its event is logged, before its program starts."""

    def __init__(self, desk: Desk, record: Record, fill_in: FillIn) -> None:
        """`fill_in` gives the command line for a row; it raises CheckerError if the row changed."""
        self.desk, self.record, self.fill_in = desk, record, fill_in

    def start(self, command: Command, rows: Sequence[Row]) -> None:
        self.desk.start(partial(self.run, command, rows), group="acts")

    async def run(self, command: Command, rows: Sequence[Row]) -> None:
        """Run it on all rows, or until it is stopped, and show what came of it."""
        batch, stop = Batch(title=command.title, total=len(rows)), Stop()

        def end() -> None:
            batch.is_stopped = True
            stop.pull()

        self.desk.push(BatchSheet(batch, end))
        self.desk.voice.note(f"{command.title}: on {len(rows)} rows")
        waiting = iter(rows)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(min(AT_ONCE, len(rows))):
                    work = self.work(command, waiting, batch, stop)
                    group.create_task(work, name=f"{command.name} {number}")
        except BaseException:
            end()  # the console ends, or has a bug: no program may stay behind
            raise
        stop.close()
        batch.is_over = True
        self.desk.voice.note(f"{command.title}: {batch.outcome()}")

    async def work(
        self, command: Command, waiting: Iterator[Row], batch: Batch, stop: Stop
    ) -> None:
        """Take one row after the other until none waits."""
        for row in waiting:
            if stop.is_pulled:
                return
            ran = await self.run_on(command, row, stop)
            batch.done.append(Done(name=named(row), ran=ran))
            self.desk.voice.note(f"{named(row)}: {ran.sentence}")

    async def run_on(self, command: Command, row: Row, stop: Stop) -> Ran:
        try:
            argv = self.fill_in(command, row)
        except CheckerError as error:
            return Ran(status=None, sentence=str(error))
        self.desk.voice.note(f"{named(row)}: {shown(argv)}")
        await self.record(EventKind.COMMAND, row, argv)
        if stop.is_pulled:
            return Ran(status=None, sentence=f"{command.title} was stopped before it started")
        work = partial(run, argv, kept_bytes=KEPT_BYTES, stop=stop)
        return await detached(work, name=command.name)
