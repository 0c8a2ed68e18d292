"""`python -m bench.datatable_app HOME`: the console's table as a Textual DataTable, to compare.

It reads the same files as often, shows the same columns and texts in the same widths, and uses the
widget as its manual says: add_row, update_cell for changed cells, sort, and clear for a new filter.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from bench.console_home import EVERY_S
from checker.config.layout import Layout, home_layout
from checker.model import Forward, Status, Tunnel
from checker.registry.reading import read_registry
from checker.registry.snapshot import copied_nodes
from checker.rows.row import Key, Moment, Row
from checker.state.store import open_reader
from reversi_tui.rows.layout import Place, fitted

READ_EVERY_S = 0.25
AGES_EVERY_S = 10.0
"""How often to go through the whole table to update the ages."""
PADDING = 1
"""Between two cells, as in the console."""

STYLES = {
    Status.UP: "green",
    Status.HUNG: "bold red",
    Status.DOWN: "red",
    Status.REFUSED: "yellow",
    Status.WRONG: "magenta",
    Status.FOREIGN: "bold magenta",
    Status.UNKNOWN: "",
    Status.BROKEN: "red",
}


class Seen(Message):
    """Rows that changed."""

    def __init__(self, rows: tuple[Row, ...]) -> None:
        super().__init__()
        self.rows = rows


class Reader(threading.Thread):
    """Reads changes, and posts one report at a time.

    It reads the state file first, to show rows before a large registry is read.
    """

    def __init__(self, layout: Layout, post: Callable[[Seen], object]) -> None:
        super().__init__(name="reader", daemon=True)
        self.layout, self.post = layout, post
        self.taken = threading.Event()
        self.seen: dict[Key, Tunnel] = {}
        self.forwards: dict[Key, Forward] = {}

    def run(self) -> None:
        state = open_reader(self.layout.state)
        token, revision = -1, 0
        while True:
            if token != (token := state.changed_token()):
                changed = {
                    (tunnel.node, tunnel.port): tunnel
                    for tunnel in state.tunnels(since_revision=revision)
                }
                revision = max((tunnel.revision for tunnel in changed.values()), default=revision)
                self.seen.update(changed)
                self.report(changed)
            if not self.forwards:
                nodes = copied_nodes(self.layout) or read_registry(self.layout.nodes).nodes
                self.forwards = {
                    (name, forward.port): forward
                    for name, node in nodes.items()
                    for forward in node.forwards
                }
                self.report(self.seen)
            time.sleep(READ_EVERY_S)

    def report(self, keys: Iterable[Key]) -> None:
        self.taken.clear()
        self.post(
            Seen(tuple(Row(forward=self.forwards.get(key), seen=self.seen[key]) for key in keys))
        )
        self.taken.wait()


class DataTableApp(App[None]):
    """The rows of one gateway in a DataTable."""

    CSS = (
        "DataTable { height: 1fr; } Input { display: none; border: none; height: 1; padding: 0; }"
        " Static { height: 1; }"
    )
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("greater_than_sign", "sort", "Sort"),
        Binding("slash", "filter", "Filter"),
        Binding("escape", "clear", "Clear"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, layout: Layout) -> None:
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.reader = Reader(layout, self.post_message)
        self.rows: dict[Key, Row] = {}
        self.cells: dict[Key, tuple[str, ...]] = {}
        self.columns: tuple[Place, ...] = ()
        self.counted = 0
        self.sort_by = 0
        self.filter_text = ""

    def compose(self) -> ComposeResult:
        yield Static("reversi", id="gateway")
        yield Static("", id="counts")
        yield DataTable(cursor_type="row", cell_padding=0)
        yield Input(id="filter")
        yield Static("> sort  / filter  q quit", id="keys")

    @property
    def table(self) -> DataTable[str | Text]:
        return self.query_one(DataTable)

    def on_mount(self) -> None:
        self.columns = fitted(self.size.width - PADDING)
        for place in self.columns:
            self.table.add_column(
                place.column.title, width=place.width + PADDING, key=place.column.id
            )
        self.table.focus()
        self.set_interval(AGES_EVERY_S, self.renew)
        self.reader.start()

    def on_seen(self, message: Seen) -> None:
        self.rows.update({row.key: row for row in message.rows})
        self.show(message.rows)
        if self.counted != len(self.rows):
            self.counted = len(self.rows)
            self.query_one("#counts", Static).update(f"{self.counted:,} forwards")
        self.reader.taken.set()

    def renew(self) -> None:
        """Update the texts that change with time."""
        self.show(self.rows.values())

    def show(self, rows: Iterable[Row]) -> None:
        moment = Moment(now=time.time(), every_s=EVERY_S)
        moved = [self.show_row(row, moment) for row in rows]
        if any(moved):
            self.sort()

    def show_row(self, row: Row, moment: Moment) -> bool:
        """Show a row; return whether the order of rows may have changed."""
        before = self.cells.get(row.key)
        texts = tuple(place.column.text(row, moment) for place in self.columns)
        if not any(self.filter_text in text for text in texts):
            self.drop(row.key)
            return False
        self.cells[row.key] = texts
        if before is None:
            self.table.add_row(
                *(
                    self.cell(place, text, row)
                    for place, text in zip(self.columns, texts, strict=True)
                ),
                key=named(row.key),
            )
            return True
        for place, old, new in zip(self.columns, before, texts, strict=True):
            if old != new:
                self.table.update_cell(named(row.key), place.column.id, self.cell(place, new, row))
        return before[self.sort_by] != texts[self.sort_by]

    def cell(self, place: Place, text: str, row: Row) -> str | Text:
        return Text(text, style=STYLES[row.seen.status]) if place.column.id == "status" else text

    def drop(self, key: Key) -> None:
        if self.cells.pop(key, None):
            self.table.remove_row(named(key))

    def action_sort(self) -> None:
        self.sort_by = (self.sort_by + 1) % len(self.columns)
        self.sort()

    def sort(self) -> None:
        self.table.sort(self.columns[self.sort_by].column.id, key=str)

    def action_filter(self) -> None:
        bar = self.query_one(Input)
        bar.display = True
        bar.focus()

    def action_clear(self) -> None:
        bar = self.query_one(Input)
        bar.value = ""
        bar.display = False
        self.table.focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        self.filter_text = message.value
        self.table.clear()
        self.cells.clear()
        self.show(self.rows.values())


def named(key: Key) -> str:
    return f"{key[0]} {key[1]}"


if __name__ == "__main__":
    DataTableApp(home_layout(Path(sys.argv[1]))).run()
