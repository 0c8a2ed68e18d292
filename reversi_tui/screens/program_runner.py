"""Programs that run on a row: a shell on the node, and the operator's own commands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from checker.model import CheckerError, EventKind
from checker.rows.cells import named, safe
from checker.rows.row import NO_PORT, Row
from reversi_tui.actions.own_commands import Ran, run
from reversi_tui.actions.plans import no_longer, nothing_selected
from reversi_tui.actions.questions import Lock, several
from reversi_tui.actions.ssh import doubt, way_in
from reversi_tui.screens.batch_runner import BatchRunner
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.output import Output
from reversi_tui.screens.picking import Choose
from reversi_tui.settings.preferences import Command, expanded
from reversi_tui.terminal.clipboard import copy_sequence
from reversi_tui.terminal.lending import run_on_terminal
from reversi_tui.terminal.process_group import shown
from reversi_tui.terminal.threads import detached


class ProgramRunner:
    """Each program is an event of the gateway before it starts, so that a session that is cut off
    is in the log too.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.batches = BatchRunner(desk, self.record, self.filled_in)
        self.said_unlogged = False
        """Whether the operator knows that events cannot be written."""

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        own = self.desk.dependencies.preferences.commands
        return {
            **{f"command.{one.name}": partial(self.start_command, one) for one in own},
            "row.shell": self.open_shell,
            "row.command": self.choose_command,
        }

    async def record(self, kind: EventKind, row: Row, argv: Sequence[str]) -> None:
        """Log what is about to run. If it cannot be logged, say so once, and go on."""
        record, node = self.desk.dependencies.acts.record, row.seen.node
        port = row.seen.port if row.seen.port > 0 else None
        why = await detached(
            lambda: record(kind, shown(argv), node=node, port=port), name=f"record {kind}"
        )
        if why and not self.said_unlogged:
            self.said_unlogged = True
            self.desk.voice.note(
                f"what you run from this console is not in the gateway's log: {why}"
            )

    async def open_shell(self) -> None:
        if self.desk.is_off("row.shell"):
            return
        row = self.desk.selected("log in to")
        if row is not None:
            await self.log_in(row)

    async def log_in(self, row: Row, user: str | None = None) -> None:
        """Open a shell on the row's node as the user; None: the one of the settings."""
        command = self.desk.ssh_of(row, user)
        if isinstance(command, str):
            self.desk.voice.say(f"{named(row)}: {command}")
            return
        found = way_in(self.desk.of_node(row), row)
        doubtful = "" if isinstance(found, str) else doubt(found, self.desk.moment())
        if not doubtful:
            await self.take_terminal(EventKind.SHELL, row, command)
            return

        async def answered(yes: bool | None) -> None:
            if yes:
                await self.take_terminal(EventKind.SHELL, row, command, doubtful)
            else:
                self.desk.voice.say(f"{named(row)}: login cancelled")

        question = f"{safe(row.seen.node)}: {doubtful}."
        self.desk.push(Confirm("Log in all the same?", question, yes="log in"), answered)

    async def take_terminal(
        self, kind: EventKind, row: Row, argv: Sequence[str], remark: str = ""
    ) -> None:
        """Run it in place of the console; the remark is shown above its output."""
        voice = self.desk.voice
        voice.note(f"{named(row)}: {shown(argv)}")
        await self.record(kind, row, argv)
        voice.note(f"{named(row)}: {run_on_terminal(self.desk.app, argv, remark)}")
        self.desk.reader.wake()

    def copy(self, argv: Sequence[str]) -> None:
        """Put a command line on the clipboard of the operator's machine, or show it."""
        text, voice = shown(argv), self.desk.voice
        sequence = copy_sequence(text, os.environ)
        if sequence is not None and self.desk.is_sent(sequence):
            voice.say(f"sent to the terminal's clipboard: {text}")
        else:
            voice.say(f"cannot reach this terminal's clipboard; the command is: {text}")

    async def choose_command(self) -> None:
        """Let the operator choose one of his own commands."""
        commands = self.desk.dependencies.preferences.commands
        if self.desk.is_off("row.command"):
            return
        if not commands:
            self.desk.voice.say(
                "no commands yet; write them as [[command]] tables into"
                f" {self.desk.dependencies.layout.config}, or into your own console.toml"
            )
            return
        if not self.desk.targets():
            self.desk.voice.say(nothing_selected("run a command on"))
            return
        by_name = {command.name: command for command in commands}

        async def picked(name: str | None) -> None:
            if name:
                await self.ask(by_name[name])

        choices = [(command.name, command.title) for command in commands]
        self.desk.push(Choose("Your commands", choices), picked)

    async def start_command(self, command: Command) -> None:
        """Run one of the operator's own commands, on the marked rows or those under the cursor."""
        if not self.desk.is_off("row.command"):
            await self.ask(command)

    async def ask(self, command: Command) -> None:
        desk, rows = self.desk, self.desk.targets()
        if command.terminal and len(rows) > 1:
            desk.voice.say(
                f"{command.title}: it takes over the terminal, so it can run on only one row; clear"
                " the marks"
            )
        elif not rows:
            desk.voice.say(nothing_selected(f"run {command.title} on"))
        elif command.dangerous:
            over = desk.dependencies.preferences.confirm_over
            lock = Lock(count=len(rows)) if len(rows) > over else None
            text = f"{several(rows, desk.moment())}\n\n{' '.join(command.argv)}"

            async def answered(yes: bool | None) -> None:
                if yes:
                    await self.run(command, rows)
                else:
                    desk.voice.say(f"{command.title}: cancelled")

            desk.push(Confirm(f"{command.title}?", text, yes="run it", lock=lock), answered)
        else:
            await self.run(command, rows)

    async def run(self, command: Command, asked: Sequence[Row]) -> None:
        """Run it on each row that is still what was asked about."""
        if len(asked) > 1:
            self.batches.start(command, asked)
            return
        (row,) = asked
        try:
            argv = self.filled_in(command, row)
        except CheckerError as error:
            self.desk.voice.note(f"{named(row)}: {error}")
            return
        if command.terminal:
            await self.take_terminal(EventKind.COMMAND, row, argv)
        else:
            self.desk.start(partial(self.run_on, command, row, argv), group="acts")

    def filled_in(self, command: Command, asked: Row) -> tuple[str, ...]:
        """The command line for this row. Raises CheckerError if the row is no longer what was asked
        about.
        """
        row = self.desk.feed.newest(asked.key)
        changed = no_longer(asked, row)
        if changed or row is None:
            raise CheckerError(changed or "")
        session = row.seen.session
        target = row.forward.target if row.forward and not row.unregistered else None
        return expanded(
            command,
            node=row.seen.node,
            port=None if row.seen.port == NO_PORT else row.seen.port,
            pid=session.pid if session else None,
            target=str(target) if target else None,
        )

    async def run_on(self, command: Command, row: Row, argv: Sequence[str]) -> None:
        """Run it on one row, and show its output."""
        voice = self.desk.voice
        voice.note(f"{named(row)}: {shown(argv)}")
        await self.record(EventKind.COMMAND, row, argv)
        ran = await detached(partial(run, argv), name=command.name)
        voice.note(f"{named(row)}: {ran.sentence}")
        if ran.output or ran.status != 0:
            self.show_output(command, row, ran)

    def show_output(self, command: Command, row: Row, ran: Ran) -> None:
        text = f"{ran.output}\n\n{ran.sentence}".lstrip("\n")
        self.desk.push(Output(f"{command.title}: {named(row)}", text))
