"""Writes what is shown into a file, and copies rows to the clipboard."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from checker.model import CheckerError
from checker.rows.row import Row
from reversi_tui.actions.writing import FORMATS, name_for, text_in, write_new
from reversi_tui.once import columns_shown
from reversi_tui.rows.written import Shown, markdown
from reversi_tui.screens.asking import Ask
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.picking import Choose
from reversi_tui.screens.table_view import TableView
from reversi_tui.terminal.clipboard import copy_table_sequence
from reversi_tui.terminal.threads import detached

MOST_BYTES = 60_000
"""Of a text for the clipboard: xterm takes about 75,000."""


class Writer:
    """Rows, columns and order are those of the table; columns without room there are included."""

    def __init__(self, desk: Desk, table_view: TableView) -> None:
        self.desk, self.table_view = desk, table_view

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "view.write": self.write,
            "view.copy": self.copy,
        }

    def shown(self, rows: Sequence[Row] | None = None) -> Shown:
        """What is shown; only these rows, if they are given."""
        view, wanted = self.desk.view, self.table_view.as_preferences()
        if rows is None:
            rows = [row for row in map(view.row, view.order) if row is not None]
        return Shown(
            rows=tuple(rows),
            columns=columns_shown(wanted, in_fleet=view.in_fleet),
            moment=self.desk.moment(),
            filter_text=view.filter_text,
            faults_only=view.faults_only,
            sort=f"{'-' if view.backwards else ''}{view.sort_by}",
        )

    def write(self) -> None:
        """Ask for the format and the file's name, and write all rows shown."""
        desk, shown = self.desk, self.shown()
        if not shown.rows:
            desk.voice.say("no row is shown: nothing to write")
            return
        count = counted(len(shown.rows))

        def chosen(kind: str | None) -> None:
            if kind is None:
                return

            def named(text: str | None) -> None:
                if text is not None:
                    desk.start(partial(self.carry_out, kind, shown, text), group="writing")

            text = "A name, or a path. Only you will be able to read the file."
            ask = Ask(f"Write {count} to a new file", text, name_for(kind, shown.moment.now))
            desk.push(ask, named)

        desk.push(Choose(f"Write {count}", list(FORMATS.items())), chosen)

    async def carry_out(self, kind: str, shown: Shown, text: str) -> None:
        palette = self.desk.looks.palette
        try:
            path = await detached(
                lambda: write_new(text, text_in(kind, shown, palette)), name="write"
            )
        except CheckerError as error:
            self.desk.voice.note(str(error))
        else:
            self.desk.voice.note(f"wrote {counted(len(shown.rows))} to {path}")

    def copy(self) -> None:
        """Copy the marked rows, else all rows shown, as a table in Markdown."""
        desk, view = self.desk, self.desk.view
        rows = [row for row in map(view.row, view.order) if row is not None]
        if view.marks:
            rows = [row for row in rows if view.is_marked(row)]
        if not rows:
            desk.voice.say("no row is shown: nothing to copy")
            return
        text = markdown(self.shown(rows))
        if len(text.encode()) > MOST_BYTES:
            key = desk.key_of("view.write")
            desk.voice.say(
                f"{counted(len(rows))} are too long for a clipboard: filter or mark fewer, or"
                f" write them to a file with {key}"
            )
            return
        sequence = copy_table_sequence(text, os.environ)
        if sequence is not None and desk.is_sent(sequence):
            which = " marked" if view.marks else ""
            desk.voice.say(f"sent {counted(len(rows), which)} to the terminal's clipboard")
        else:
            key = desk.key_of("view.write")
            desk.voice.say(f"cannot reach this terminal's clipboard; {key} writes a file")


def counted(count: int, which: str = "") -> str:
    return f"{count:,}{which} row{'' if count == 1 else 's'}"
