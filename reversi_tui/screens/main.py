"""The main screen: what the keys do to tunnels and nodes, each asked about where it is dangerous,
each with its outcome in the log.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType

from checker.model import CheckerError, Outcome
from reversi_tui.actions.node_changes import Changed
from reversi_tui.actions.plans import (
    Deed,
    Plan,
    aim,
    beside,
    plan,
    question,
    still,
    subject,
    summed_up,
    title,
    told,
)
from reversi_tui.actions.table import ACTIONS, Action
from reversi_tui.messages import Acted
from reversi_tui.rows.cells import named
from reversi_tui.rows.row import Row
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.nodes import Nodes
from reversi_tui.terminal.clipboard import copy_sequence
from reversi_tui.terminal.lending import run_on_terminal
from reversi_tui.terminal.process_group import shown
from reversi_tui.terminal.threads import detached

AT_ONCE = 8
"""Deeds under way at the same time: a probe may take a quarter of a minute."""


def bindings(actions: Sequence[Action]) -> list[BindingType]:
    return [
        Binding(each.key, each.call, each.title, id=each.id, tooltip=each.tip, show=each.shown)
        for each in actions
    ]


class Main(Nodes):
    """Marks and what is under way are kept by key; after "yes" each target must still be what it
    was.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)

    def action_mark(self) -> None:
        row = self.table.selected
        if row is None:
            return
        self.view.mark(
            [each.key for each in self.under_cursor()], marked=not self.view.is_marked(row)
        )
        self.table.action_move(1)
        self.renew()

    def action_mark_all(self) -> None:
        """All that the filter shows; where they are marked already, none."""
        self.view.mark(list(self.view.shown), marked=not self.view.shown <= self.view.marks)
        self.renew()

    def action_act(self, name: str) -> None:
        planned = plan(
            Deed(name), self.targets(), self.pending, read_only=self.setting.acts.read_only
        )
        if not planned.rows:
            self.say("; ".join(planned.left_out))
        elif self.action_called(f"act.{name}").dangerous:
            self.ask(planned)
        else:
            self.begin(planned)

    def ask(self, planned: Plan) -> None:
        hidden = sum(row.key not in self.view.shown for row in planned.rows)
        count = (
            len(planned.rows) if len(planned.rows) > self.setting.preferences.confirm_over else None
        )
        nodes = {row.seen.node for row in planned.rows}
        others = beside(
            planned,
            (self.view.rows[key] for node in nodes for key in self.view.by_node.get(node, ())),
        )
        confirm = Confirm(
            title(planned),
            question(planned, self.moment(), hidden, others),
            yes=planned.deed,
            count=count,
        )
        _ = self.app.push_screen(confirm, lambda yes: self.answered(planned, yes=yes))

    def answered(self, asked: Plan, *, yes: bool | None) -> None:
        """Act on what was asked about, or on nothing: a row may be another by now."""
        if not yes:
            self.say(f"{told(asked)}: {asked.deed} cancelled")
            return
        planned = still(asked, self.newest, self.pending)
        for sentence in planned.left_out:
            self.tell(sentence)
        if planned.rows:
            self.begin(planned)

    def begin(self, planned: Plan) -> None:
        self.pending.update((row.key, planned.deed) for row in planned.rows)
        self.view.mark([row.key for row in planned.rows], marked=False)
        self.tell(f"{told(planned)}: {planned.deed} is under way")
        self.renew()
        self.run_worker(self.carry_out(planned), group="acts")

    async def carry_out(self, planned: Plan) -> None:
        """Each on its own: one that fails stops no other, and each outcome is told as it comes; of
        several, at last how many were done.
        """
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(row: Row) -> bool:
            async with gate:
                done, outcome = await self.outcome(planned.deed, row)
                self.post_message(
                    Acted((row.key,), f"{subject(planned.deed, row)}: {planned.deed} {outcome}")
                )
                return done

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(one(row), name=f"{planned.deed} {row.seen.node}")
                for row in planned.rows
            ]
        if len(tasks) > 1:
            done = summed_up([task.result() for task in tasks], self.key_of("view.log_sheet"))
            self.post_message(Acted((), f"{told(planned)}: {planned.deed} {done}"))

    async def outcome(self, deed: Deed, row: Row) -> tuple[bool, str]:
        """Whether it was done, and what became of it, as the end of a sentence."""
        try:
            outcomes: Sequence[Outcome | Changed] = await detached(
                partial(self.do, deed, row), name=f"{deed} {row.seen.node}"
            )
        except CheckerError as error:
            return False, f"not done: {error}"
        sentences = [
            f"{'done' if outcome.done else 'not done'}: {outcome.sentence}" for outcome in outcomes
        ]
        return all(outcome.done for outcome in outcomes), "; ".join(sentences)

    def do(self, deed: Deed, row: Row) -> Sequence[Outcome | Changed]:
        """It blocks. Raises CheckerError."""
        return (
            self.setting.acts.act(deed.verb, (aim(row),))
            if deed.verb
            else self.change(deed, row.seen.node)
        )

    def on_acted(self, message: Acted) -> None:
        for key in message.keys:
            self.pending.pop(key, None)
        self.tell(message.sentence)
        self.table.repaint_changed()
        self.reader.wake()

    def action_shell(self) -> None:
        row = self.table.selected
        if row is None or self.is_off("row.shell"):
            return
        command = self.ssh_of(row)
        if isinstance(command, str):
            self.say(f"{named(row)}: {command}")
            return
        self.tell(f"{named(row)}: {shown(command)}")
        self.tell(f"{named(row)}: {run_on_terminal(self.app, command)}")
        self.reader.wake()

    def action_copy(self) -> None:
        row = self.table.selected
        if row is None:
            return
        command = self.ssh_of(row)
        text = command if isinstance(command, str) else shown(command)
        sequence = None if isinstance(command, str) else copy_sequence(text, os.environ)
        if isinstance(command, str):
            self.say(f"{named(row)}: {command}")
        elif sequence is not None and self.sent(sequence):
            self.say(f"sent to the terminal's clipboard: {text}")
        else:
            self.say(f"this terminal takes no clipboard from us; the command is: {text}")

    def sent(self, sequence: str) -> bool:
        """Write a control sequence of our own to the terminal; whether there is one."""
        driver = self.app._driver  # noqa: SLF001 - Textual's own copy_to_clipboard writes so, but knows neither tmux nor screen
        if driver is None or self.app.is_headless:
            return False
        driver.write(sequence)
        return True
