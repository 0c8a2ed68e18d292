"""Kill, reset, probe, disable and enable: asks first if the key is dangerous, acts, and logs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from rich.text import Text
from textual.timer import Timer

from checker.control.client import ANSWER_WITHIN_S
from checker.control.outcome_words import told
from checker.model import CheckerError, Outcome
from checker.rows.row import Row
from reversi_tui.actions.followed import FOLLOWED, Followed
from reversi_tui.actions.node_changes import Changed
from reversi_tui.actions.plans import Deed, Plan, aim, gateway_of, plan, still, subject, subjects
from reversi_tui.actions.progress import AT_ONCE, Progress
from reversi_tui.actions.questions import beside, lock_for, question, title
from reversi_tui.messages import Acted
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.terminal.threads import detached
from reversi_tui.widgets.line import Line

LOOK_EVERY_S = 0.5
UNKNOWN = "{} may still be done: you stopped waiting for it"


class ActionRunner:
    """What is under way is kept by key; after "yes" each target must still be what it was."""

    def __init__(self, desk: Desk, line: Line) -> None:
        """`line` shows how far acts on many are, and what is waited for."""
        self.desk, self.line = desk, line
        self.running: list[Progress] = []
        self.timer: Timer | None = None
        self.given_up: dict[int, asyncio.Event] = {}
        """For each Progress, by its identity: that nobody waits for it any more."""

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {f"act.{deed}": partial(self.act, deed) for deed in Deed}

    def act(self, name: str) -> None:
        desk = self.desk
        read_only = desk.dependencies.acts.read_only
        planned = plan(Deed(name), desk.targets(), desk.pending, read_only=read_only)
        over = desk.dependencies.preferences.confirm_over
        if not planned.rows:
            desk.voice.say("; ".join(planned.left_out))
        elif desk.action(f"act.{name}").dangerous or len(planned.rows) > over:
            self.ask(planned)
        else:
            self.begin(planned)

    def ask(self, planned: Plan) -> None:
        desk, view, rows = self.desk, self.desk.view, planned.rows
        hidden = 0 if desk.opened() else sum(row.key not in view.shown for row in rows)
        nodes, moment = {row.seen.node for row in rows}, desk.moment()
        of_nodes = (view.rows[key] for node in nodes for key in view.by_node.get(node, ()))
        others = beside(planned, of_nodes)
        over = desk.dependencies.preferences.confirm_over
        apart = view.marks - {row.key for row in rows} if desk.opened() else ()
        is_disabling = planned.deed is Deed.DISABLE
        confirm = Confirm(
            title(planned),
            question(planned, moment, hidden, others, apart=len(apart)),
            yes=planned.deed,
            lock=lock_for(planned, moment, others, over=over),
            reason="Why (rows and log show it)" if is_disabling else "",
        )
        desk.push(confirm, lambda yes: self.answered(replace(planned, why=confirm.why), yes=yes))

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
        desk, deed = self.desk, planned.deed
        desk.pending.update((row.key, deed) for row in planned.rows)
        desk.unmark(planned.rows)
        desk.voice.note(f"{subjects(planned)}: {deed} is under way")
        longest_s = ANSWER_WITHIN_S if deed.verb else None
        progress = Progress(deed=deed, total=len(planned.rows), longest_s=longest_s)
        self.running.append(progress)
        self.follow(planned)
        self.given_up[id(progress)] = asyncio.Event()
        desk.start(partial(self.carry_out, planned, progress), group="acts")
        self.watch()

    def follow(self, planned: Plan) -> None:
        """Follow what becomes of the targets, together with those of the same deed before that
        are not back yet.
        """
        view, deed = self.desk.view, planned.deed
        if deed not in FOLLOWED:
            return
        before = view.followed
        if before is None or before.deed is not deed or before.over_at is not None:
            view.followed = before = Followed(deed=deed)
        before.add(planned.rows)

    async def carry_out(self, planned: Plan, progress: Progress) -> None:
        """Report each outcome as it comes, and at the end how many of several were done. One that
        fails stops no other.
        """
        waiting = iter(planned.rows)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(min(AT_ONCE, len(planned.rows))):
                    work = self.work(planned, waiting, progress)
                    group.create_task(work, name=f"{planned.deed} {number}")
        finally:
            self.running.remove(progress)
            del self.given_up[id(progress)]
        post = self.desk.screen.post_message
        sentence = ""
        if len(planned.rows) > 1:
            sentence = progress.summary(self.desk.keys_of_own_log)
        post(Acted(tuple(row.key for row in waiting), sentence))

    async def work(self, planned: Plan, waiting: Iterator[Row], progress: Progress) -> None:
        """Take one row after the other until none waits, or escape stops it."""
        deed, under_way = planned.deed, self.desk.under_way
        while not progress.is_stopped and (row := next(waiting, None)) is not None:
            name = subject(deed, row)
            progress.under_way[row.key] = name, self.desk.dependencies.now()
            under_way[row.key] = deed
            self.desk.table.repaint_changed()
            done, outcome = await self.outcome_or_not(planned, row, progress)
            progress.done, progress.failed = progress.done + done, progress.failed + (not done)
            del progress.under_way[row.key], under_way[row.key]
            if deed in FOLLOWED and (followed := self.desk.view.followed):
                followed.acted(row.key, self.desk.dependencies.now(), done=done)
            is_quiet = progress.total > 1
            self.desk.screen.post_message(
                Acted((row.key,), f"{name}: {outcome}", is_quiet=is_quiet)
            )

    async def outcome_or_not(self, planned: Plan, row: Row, progress: Progress) -> tuple[bool, str]:
        """The outcome, or that nobody waits for it any more."""
        outcome = asyncio.ensure_future(self.outcome(planned, row))
        given_up = asyncio.ensure_future(self.given_up[id(progress)].wait())
        try:
            await asyncio.wait((outcome, given_up), return_when=asyncio.FIRST_COMPLETED)
            given_up_on = (False, UNKNOWN.format(planned.deed))
            return outcome.result() if outcome.done() else given_up_on
        finally:
            outcome.cancel()
            given_up.cancel()

    async def outcome(self, planned: Plan, row: Row) -> tuple[bool, str]:
        """Whether it was done, and what came of it."""
        try:
            name = f"{planned.deed} {row.seen.node}"
            outcomes = await detached(partial(self.do, planned, row), name=name)
        except CheckerError as error:
            return False, told(planned.deed, str(error), done=False)
        sentences = [told(planned.deed, one.sentence, done=one.done) for one in outcomes]
        return all(outcome.done for outcome in outcomes), "; ".join(sentences)

    def do(self, planned: Plan, row: Row) -> Sequence[Outcome | Changed]:
        """It blocks. Raises CheckerError."""
        verb, gateway = planned.deed.verb, gateway_of(row)
        if verb and gateway:
            dependencies = self.desk.dependencies
            return dependencies.act_elsewhere(dependencies.layout, gateway, verb, (aim(row),))
        if verb:
            return self.desk.dependencies.acts.act(verb, (aim(row),))
        changes, nodes = self.desk.dependencies.changes, (row.seen.node,)
        if planned.deed is Deed.DISABLE:
            return changes.disable(nodes, planned.why)
        return changes.enable(nodes)

    def acted(self, message: Acted) -> None:
        for key in message.keys:
            self.desk.pending.pop(key, None)
        voice = self.desk.voice
        if message.sentence:
            (voice.keep if message.is_quiet else voice.note)(message.sentence)
        self.desk.table.repaint_changed()
        self.watch()
        if not message.is_quiet:
            self.desk.reader.wake()

    def text(self) -> str:
        """How far the acts are that take long or have many targets; empty if there are none."""
        now = self.desk.dependencies.now()
        return "; ".join(filter(None, (progress.text(now) for progress in self.running)))

    def watch(self) -> None:
        """Show how far they are, and look again as long as one is under way."""
        if self.timer is None:
            self.timer = self.desk.screen.set_interval(LOOK_EVERY_S, self.watch)
        if self.running:
            self.timer.resume()
        else:
            self.timer.pause()
        text = self.text()
        self.line.display = bool(text)
        self.line.show(Text(text, style="bold"))

    def may_stop(self) -> bool:
        """Whether there is something that escape stops."""
        now = self.desk.dependencies.now()
        return any(progress.may_stop(now) for progress in self.running)

    def stop(self) -> bool:
        """Stop what escape may stop; whether there was something."""
        now = self.desk.dependencies.now()
        stopping = [progress for progress in self.running if progress.may_stop(now)]
        for progress in stopping:
            progress.stop(now)
            if progress.is_given_up:
                self.given_up[id(progress)].set()
        self.watch()
        return bool(stopping)
