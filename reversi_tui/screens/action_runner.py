"""Kill, reset, probe, disable and enable: asks first if the key is dangerous, acts, and logs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from checker.model import CheckerError, NodeName, Outcome
from checker.rows.row import Row
from reversi_tui.actions.node_changes import Changed
from reversi_tui.actions.plans import (
    Deed,
    Plan,
    aim,
    plan,
    still,
    subject,
    subjects,
    summed_up,
)
from reversi_tui.actions.questions import beside, lock_for, question, title
from reversi_tui.messages import Acted
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.desk import Desk
from reversi_tui.terminal.threads import detached

AT_ONCE = 8
"""Deeds under way at the same time: a probe may take a quarter of a minute."""


class ActionRunner:
    """What is under way is kept by key; after "yes" each target must still be what it was."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def act(self, name: str) -> None:
        desk = self.desk
        read_only = desk.dependencies.acts.read_only
        planned = plan(Deed(name), desk.targets(), desk.pending, read_only=read_only)
        if not planned.rows:
            desk.voice.say("; ".join(planned.left_out))
        elif desk.action(f"act.{name}").dangerous:
            self.ask(planned)
        else:
            self.begin(planned)

    def ask(self, planned: Plan) -> None:
        desk, view, rows = self.desk, self.desk.view, planned.rows
        hidden = sum(row.key not in view.shown for row in rows)
        nodes, moment = {row.seen.node for row in rows}, desk.moment()
        of_nodes = (view.rows[key] for node in nodes for key in view.by_node.get(node, ()))
        others = beside(planned, of_nodes)
        over = desk.dependencies.preferences.confirm_over
        confirm = Confirm(
            title(planned),
            question(planned, moment, hidden, others),
            yes=planned.deed,
            lock=lock_for(planned, moment, others, over=over),
        )
        desk.push(confirm, lambda yes: self.answered(planned, yes=yes))

    def answered(self, asked: Plan, *, yes: bool | None) -> None:
        """Act on what was asked about, or on nothing: a row may be another by now."""
        voice = self.desk.voice
        if not yes:
            voice.say(f"{subjects(asked)}: {asked.deed} cancelled")
            return
        planned = still(asked, self.desk.feed.newest, self.desk.pending)
        for sentence in planned.left_out:
            voice.note(sentence)
        if planned.rows:
            self.begin(planned)

    def begin(self, planned: Plan) -> None:
        desk = self.desk
        desk.pending.update((row.key, planned.deed) for row in planned.rows)
        desk.view.mark([row.key for row in planned.rows], marked=False)
        desk.voice.note(f"{subjects(planned)}: {planned.deed} is under way")
        desk.voice.renew()
        desk.start(self.carry_out(planned), group="acts")

    async def carry_out(self, planned: Plan) -> None:
        """Report each outcome as it comes, and at the end how many of several were done. One that
        fails stops no other.
        """
        gate = asyncio.Semaphore(AT_ONCE)
        post, deed = self.desk.screen.post_message, planned.deed

        async def one(row: Row) -> bool:
            async with gate:
                done, outcome = await self.outcome(deed, row)
                post(Acted((row.key,), f"{subject(deed, row)}: {deed} {outcome}"))
                return done

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(one(row), name=f"{deed} {row.seen.node}") for row in planned.rows
            ]
        if len(tasks) > 1:
            results = [task.result() for task in tasks]
            done = summed_up(results, self.desk.keys_of_own_log)
            post(Acted((), f"{subjects(planned)}: {deed} {done}"))

    async def outcome(self, deed: Deed, row: Row) -> tuple[bool, str]:
        """Whether it was done, and what became of it, as the end of a sentence."""
        try:
            outcomes = await detached(partial(self.do, deed, row), name=f"{deed} {row.seen.node}")
        except CheckerError as error:
            return False, f"not done: {error}"
        sentences = [
            f"{'done' if outcome.done else 'not done'}: {outcome.sentence}" for outcome in outcomes
        ]
        return all(outcome.done for outcome in outcomes), "; ".join(sentences)

    def do(self, deed: Deed, row: Row) -> Sequence[Outcome | Changed]:
        """It blocks. Raises CheckerError."""
        if deed.verb:
            return self.desk.dependencies.acts.act(deed.verb, (aim(row),))
        return self.change(deed, row.seen.node)

    def change(self, deed: Deed, node: NodeName) -> tuple[Changed, ...]:
        changes = self.desk.dependencies.changes
        return changes.disable((node,)) if deed is Deed.DISABLE else changes.enable((node,))

    def acted(self, message: Acted) -> None:
        for key in message.keys:
            self.desk.pending.pop(key, None)
        self.desk.voice.note(message.sentence)
        self.desk.table.repaint_changed()
        self.desk.reader.wake()
