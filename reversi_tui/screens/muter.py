"""Mutes rows: asks until when and why; on rows that are muted already, takes their mutes back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from checker.control.client import operator_name
from checker.control.muting import mutes_of
from checker.control.outcome_words import told
from checker.model import CheckerError, Mute, MuteChange
from checker.output import clock
from checker.rows.cells import named
from checker.rows.mutes import RowMutes
from checker.rows.row import Row
from reversi_tui.actions.mutes import (
    Until,
    mutes_upon,
    names_of,
    parse_form,
    selectors_for,
    taking_back,
)
from reversi_tui.actions.plans import nothing_selected
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.mute_form import MuteForm
from reversi_tui.terminal.threads import detached


class Muter:
    """A mute stops alerts only, so it needs no count; taking one back asks first."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "act.mute": self.mute,
        }

    async def mute(self) -> None:
        desk, rows = self.desk, self.desk.targets()
        if desk.is_off("act.mute"):
            return
        if not rows:
            desk.voice.say(nothing_selected("mute"))
        elif all(row.mute for row in rows):
            await self.ask_unmute(rows)
        else:
            self.ask_mute(rows)

    def ask_mute(self, rows: Sequence[Row]) -> None:
        desk = self.desk

        async def answered(until: Until | None) -> None:
            if until is None:
                desk.voice.say("nothing is muted")
            else:
                await self.make(rows, until)

        parse = partial(parse_form, now=desk.dependencies.now())
        heading = f"No alerts about {subject(rows)}"
        desk.push(MuteForm(heading, names_of(rows), parse), answered)

    async def make(self, rows: Sequence[Row], until: Until) -> None:
        now, by = self.desk.dependencies.now(), operator_name()
        mutes = tuple(
            Mute(selector=selector, until=until.until, why=until.why, by=by, at=now)
            for selector in selectors_for(rows, self.desk.view.by_node)
        )
        said = f"{subject(rows)}: no alerts until {clock(until.until)}: {until.why}"
        await self.change(MuteChange(add=mutes), rows, said)

    async def ask_unmute(self, rows: Sequence[Row]) -> None:
        desk = self.desk
        layout, now = desk.dependencies.layout, desk.dependencies.now()
        found, trouble = await detached(lambda: mutes_of(layout, now), name="read the mutes")
        mutes = mutes_upon(rows, RowMutes(found, now))
        if not mutes:
            desk.voice.say(trouble or f"{subject(rows)}: no longer muted")
            desk.reader.wake()
            return

        async def answered(yes: bool | None) -> None:
            if yes:
                change = MuteChange(remove=tuple(mute.selector for mute in mutes))
                await self.change(change, rows, f"{subject(rows)}: alerts are sent again")
            else:
                desk.voice.say("still muted")

        text = taking_back(mutes, rows, desk.view.rows.values())
        desk.push(Confirm(f"Unmute {subject(rows)}?", text, yes="unmute"), answered)

    async def change(self, change: MuteChange, rows: Sequence[Row], said: str) -> None:
        """Make the change, and say what came of it."""
        desk, make = self.desk, self.desk.dependencies.change_mutes
        layout = desk.dependencies.layout
        try:
            note = await detached(lambda: make(layout, change), name="change the mutes")
        except CheckerError as error:
            verb = "mute" if change.add else "unmute"
            desk.voice.note(f"{subject(rows)}: {told(verb, str(error), done=False)}")
            return
        desk.unmark(rows)
        desk.voice.note("; ".join(filter(None, (said, note))))
        desk.voice.renew()
        desk.reader.wake()


def subject(rows: Sequence[Row]) -> str:
    return named(rows[0]) if len(rows) == 1 else f"{len(rows)} forwards"
