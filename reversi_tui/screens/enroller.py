"""Accepts and rejects devices that wait: asks first, and logs what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from checker.model import Applicant
from checker.rows.cells import named
from checker.rows.row import Row
from reversi_tui.actions.applicants import (
    GONE,
    NOBODY,
    NOT_YET,
    OF_CURSOR,
    Answer,
    applicants_of,
    carry_out,
    needs_a_node,
    question,
    subject,
    title,
)
from reversi_tui.actions.questions import Lock
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.terminal.threads import detached


class Enroller:
    """Whatever takes time runs beside the loop."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.answered: set[str] = set()
        """Fingerprints of the devices that were accepted or rejected from here."""

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "act.accept": self.accept,
            "act.reject": self.reject,
        }

    def follows(self, before: Row) -> bool:
        """After the selected row left: if it was of a device that waited, whether its node's row is
        selected now, or another one because the operator answered it.
        """
        view, table = self.desk.view, self.desk.table
        if before.applicant is None:
            return False
        of_node = [place for key, place in view.places.items() if key[0] == before.seen.node]
        is_answered = before.applicant.fingerprint in self.answered
        if of_node or is_answered:
            table.select(min(of_node, default=table.last_place))
        return bool(of_node) or is_answered

    def refuses(self, action: str) -> bool:
        """Whether the action is for nodes, and only devices that wait are chosen; if so, say it."""
        if not needs_a_node(action):
            return False
        rows = self.desk.under_cursor() if action in OF_CURSOR else self.desk.targets()
        if not rows or any(row.applicant is None for row in rows):
            return False
        what = named(rows[0]) if len(rows) == 1 else f"{len(rows)} devices"
        self.desk.voice.say(f"{what}: {NOT_YET.format(self.desk.key_of('act.accept'))}")
        return True

    def accept(self) -> None:
        self.ask(Answer.ACCEPT)

    def reject(self) -> None:
        self.ask(Answer.REJECT)

    def ask(self, answer: Answer) -> None:
        """Ask about the marked devices, or the one under the cursor."""
        desk, view = self.desk, self.desk.view
        if desk.is_off(f"act.{answer}"):
            return
        rows = [row for row in desk.chosen() if row.applicant is not None]
        chosen = applicants_of(rows)
        if not chosen:
            desk.voice.say(NOBODY)
            return
        text = question(answer, chosen, applicants_of(tuple(view.rows.values())))
        hidden = sum(row.key not in view.shown for row in rows)
        if hidden:
            text += f"\n\nThe filter hides {hidden} of these marked rows."
        over = desk.dependencies.preferences.confirm_over
        lock = Lock(count=len(chosen)) if len(chosen) > over else None

        def answered(yes: bool | None) -> None:
            if not yes:
                desk.voice.say(f"{subject(chosen)}: {answer} cancelled")
                return
            still = [row for row in rows if self.still_waits(row)]
            for row in rows:
                if row not in still:
                    desk.voice.note(f"{named(row)}: not {answer.done}: {GONE}")
            if still:
                self.begin(answer, still, applicants_of(still))

        desk.push(Confirm(title(answer, chosen), text, yes=answer, lock=lock), answered)

    def still_waits(self, asked: Row) -> bool:
        """Whether the device that the operator said yes to waits under its name: another one may by
        now.
        """
        row = self.desk.feed.newest(asked.key)
        now, before = row and row.applicant, asked.applicant
        return bool(now and before and now.fingerprint == before.fingerprint)

    def begin(self, answer: Answer, rows: Sequence[Row], chosen: Sequence[Applicant]) -> None:
        desk = self.desk
        desk.unmark(rows)
        desk.voice.note(f"{subject(chosen)}: {answer} is under way")
        desk.voice.renew()
        desk.start(partial(self.answer, answer, chosen), group="acts")

    async def answer(self, answer: Answer, chosen: Sequence[Applicant]) -> None:
        """Have it done in a thread, and report what became of each."""
        desk = self.desk
        work = partial(carry_out, answer, desk.dependencies.layout, chosen)
        self.answered.update(one.fingerprint for one in chosen)
        sentences, done = await detached(work, name=f"{answer} devices")
        for sentence in sentences:
            desk.voice.note(sentence)
        if len(chosen) > 1:
            key = desk.keys_of_own_log
            more = "" if done == len(chosen) else f"; {key} shows why not all"
            desk.voice.note(f"{done} of {len(chosen)} devices {answer.done}{more}")
        desk.reader.wake()
