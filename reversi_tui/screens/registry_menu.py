"""The registry menu: changes the node under the cursor, after a question that says what it does."""

from __future__ import annotations

from functools import partial

from checker.control.outcome_words import told
from checker.model import CheckerError, NodeName, Port, printable
from checker.rows.cells import safe
from checker.rows.row import NO_PORT, Row
from reversi_tui.actions.node_changes import Changed
from reversi_tui.actions.questions import UP, Lock, up_among
from reversi_tui.actions.registry_acts import Proposal, RegistryActs
from reversi_tui.actions.registry_forms import TITLES, Act, Subject, Values, boxes, live
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.node_editor import folder
from reversi_tui.screens.picking import Choose
from reversi_tui.screens.registry_form import RegistryForm
from reversi_tui.terminal.threads import detached

DEEDS = {Act.REKEY: "new key"}
"""What the log calls an act, if not by its own word."""


class RegistryMenu:
    """Plans and changes in threads; asks with the words of the command line's dry run."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.acts = RegistryActs(changes=desk.dependencies.changes)
        self.gone: set[NodeName] = set()
        """Names that no node has any more, because of what was done here."""

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "row.registry": self.open,
        }

    def open(self) -> None:
        """Let the operator choose what to do to the node under the cursor."""
        desk = self.desk
        if desk.is_off("row.registry"):
            return
        row = desk.selected("change")
        if row is None:
            return
        if row.unregistered:
            desk.voice.say(
                f"{safe(row.seen.node)}: not registered; reversi-checker node adopt registers it"
            )
            return

        async def picked(name: str | None) -> None:
            if name:
                await self.begin(Act(name), row)

        choices = [(act.value, TITLES[act]) for act in Act]
        desk.push(Choose(f"Registry: {safe(row.seen.node)}", choices), picked)

    async def begin(self, act: Act, row: Row) -> None:
        """Read the node as it is now, and ask for what the act needs."""
        name, port = row.seen.node, port_of(row)
        try:
            if act is Act.REMOVE:
                removal = partial(self.acts.removing, name)
                self.ask(act, name, await detached(removal, name=f"plan {name}"))
                return
            reading = partial(self.acts.subject, name, port, folder())
            subject = await detached(reading, name=f"read {name}")
            fields = boxes(act, subject)
        except CheckerError as error:
            self.refuse(act, name, error)
            return

        async def answered(values: Values | None) -> None:
            if values is not None:
                await self.propose(act, subject, values)

        heading = f"{word_of(act).capitalize()}: {name}"
        self.desk.push(RegistryForm(heading, fields, partial(live, act, subject)), answered)

    async def propose(self, act: Act, subject: Subject, values: Values) -> None:
        """Plan it, and ask."""
        name = subject.node.name
        try:
            planning = partial(self.acts.propose, act, subject, values)
            proposal = await detached(planning, name=f"plan {name}")
        except CheckerError as error:
            self.refuse(act, name, error)
            return
        if proposal.lines:
            self.ask(act, name, proposal)
        else:
            self.desk.voice.say(f"{name}: nothing to change")

    def ask(self, act: Act, name: NodeName, proposal: Proposal) -> None:
        desk, word = self.desk, word_of(act)
        rows = tuple(desk.view.rows[key] for key in desk.view.by_node.get(name, ()))
        is_up = proposal.ends and up_among(rows, desk.moment())
        text = "\n".join(printable(line, 400) for line in shown_lines(proposal))

        async def answered(yes: bool | None) -> None:
            if not yes:
                desk.voice.say(f"{name}: {word} cancelled")
                return
            if act in (Act.RENAME, Act.REMOVE):
                self.gone.add(name)
            self.report(act, name, await detached(proposal.work, name=f"{act} {name}"))

        lock = Lock(count=1, word=UP) if is_up else None
        desk.push(Confirm(f"{word.capitalize()}: {name}?", text, yes=word, lock=lock), answered)

    def report(self, act: Act, name: NodeName, changed: Changed) -> None:
        self.desk.voice.note(f"{changed.node}: {told(act, changed.whole, done=changed.done)}")
        if not changed.done:
            self.gone.discard(name)
        elif changed.node != name:
            self.desk.table.awaited = changed.node
            self.desk.table.go_to_awaited()
        self.desk.reader.wake()

    def follows(self, before: Row) -> bool:
        """Whether the selected row left because of what was done here; then another one is
        selected.
        """
        if before.seen.node not in self.gone:
            return False
        self.gone.discard(before.seen.node)
        self.desk.table.select(self.desk.table.last_place)
        return True

    def refuse(self, act: Act, name: NodeName, error: CheckerError) -> None:
        self.desk.voice.note(f"{safe(name)}: {told(act, str(error), done=False)}")


def word_of(act: Act) -> str:
    return DEEDS.get(act, act.value)


def port_of(row: Row) -> Port | None:
    """The forward's port; None if the row stands for a whole node."""
    return None if row.members or row.seen.port == NO_PORT else row.seen.port


def shown_lines(proposal: Proposal) -> list[str]:
    """What is asked: the obstacles first."""
    lines = [line for text in proposal.lines for line in text.split("\n")]
    return [*(f"warning: {obstacle}" for obstacle in proposal.obstacles), *lines]
