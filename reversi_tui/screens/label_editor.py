"""Tags and notes of nodes, asked for in one line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from checker.control.outcome_words import summed_up, told
from checker.model import InvalidValue, NodeName
from checker.registry.labels import Relabelling, parse_relabelling
from checker.rows.row import Row
from reversi_tui.actions.plans import nothing_selected
from reversi_tui.screens.asking import Ask
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.terminal.threads import detached

HOW = "Write tags, with blanks between them; -tag takes one away"


class LabelEditor:
    """The change is made in a thread; its outcome goes to the log."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "row.note": self.note,
            "act.tags": self.tags,
        }

    def tags(self) -> None:
        """Ask for tags to give and to take away, of the marked nodes or the one under the
        cursor.
        """
        desk, rows = self.desk, self.desk.targets()
        if desk.is_off("act.tags"):
            return
        nodes = registered(rows)
        if not rows:
            desk.voice.say(nothing_selected("give tags to"))
            return
        if not nodes:
            desk.voice.say("no registered node is selected: there is nothing to give tags to")
            return

        def answered(text: str | None) -> None:
            words = (text or "").replace(",", " ").split()
            add = [word for word in words if not word.startswith("-")]
            remove = [word[1:] for word in words if word.startswith("-")]
            if words:
                self.begin("tags", nodes, add, remove, None)

        present = sorted({tag for row in rows for tag in row.tags})
        now = f"\nnow: {' '.join(present)}" if present else ""
        desk.push(Ask(f"Tags of {named(nodes)}", f"{HOW}{now}", ""), answered)

    def note(self) -> None:
        """Ask for the note of the node under the cursor."""
        desk, rows = self.desk, self.desk.under_cursor()
        if desk.is_off("row.note"):
            return
        nodes = registered(rows)
        if not rows:
            desk.voice.say(nothing_selected("note"))
            return
        if not nodes:
            desk.voice.say("no registered node is selected: there is nothing to note")
            return

        def answered(text: str | None) -> None:
            if text is not None:
                self.begin("note", nodes, (), (), text)

        text = "One line to remember it by; an empty one removes the note"
        ask = Ask(f"Note of {nodes[0]}", text, rows[0].note, may_be_empty=True)
        desk.push(ask, answered)

    def begin(
        self,
        what: str,
        nodes: Sequence[NodeName],
        add: Sequence[str],
        remove: Sequence[str],
        note: str | None,
    ) -> None:
        """Start the change, or say what is wrong with it."""
        try:
            labels = parse_relabelling(add, remove, note)
        except InvalidValue as error:
            self.desk.voice.say(f"{named(nodes)}: {told(what, str(error), done=False)}")
            return
        self.desk.start(partial(self.change, what, nodes, labels), group="acts")

    async def change(self, what: str, nodes: Sequence[NodeName], labels: Relabelling) -> None:
        """Have it done in a thread, and report each outcome; of several, the failures first."""
        changes = self.desk.dependencies.changes
        done = await detached(lambda: changes.relabel(nodes, labels), name=f"{what} {nodes[0]}")
        for one in done:
            text = told(what, one.sentence, done=one.done)
            self.desk.voice.note(f"{one.node}: {text}")
        if len(done) > 1:
            good = sum(one.done for one in done)
            total = len(done)
            text = summed_up(what, "nodes", total=total, done=good, failed=total - good)
            more = "" if good == total else f"; {self.desk.keys_of_own_log} shows each"
            self.desk.voice.note(f"{text}{more}")
        self.desk.reader.wake()


def registered(rows: Sequence[Row]) -> tuple[NodeName, ...]:
    """The registered nodes of these rows, each once."""
    return tuple(dict.fromkeys(row.seen.node for row in rows if not row.unregistered))


def named(nodes: Sequence[NodeName]) -> str:
    return nodes[0] if len(nodes) == 1 else f"{len(nodes)} nodes"
