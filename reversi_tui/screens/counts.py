"""Bars: how many of the rows shown have each value of a column; enter filters by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from checker.rows.row import Key
from reversi_tui.rows.columns import BY_ID
from reversi_tui.rows.counts import COUNTED, Count, bar, counts_by, filter_of, narrowed, states_of
from reversi_tui.rows.cutting import cut_middle, in_cell
from reversi_tui.rows.uptime import in_ascii
from reversi_tui.screens.columns import FRAME, Lister, Mover
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.modal import Modal
from reversi_tui.screens.table_view import TableView
from reversi_tui.widgets.frame import Frame
from reversi_tui.widgets.line import Line

MOST_LINES = 500
BAR, NUMBER = 16, 6
"""Cells of the bar and of the number."""
LABELS = (10, 28)
"""Least and most cells of a value."""


class CountsBy(Modal[tuple[str, frozenset[Key]] | None]):
    """Returns the filter of the chosen value, or an empty text and the rows to mark; None after
    escape. The arrows change the column.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "turn(1)", "Next", id="counts.next", tooltip="Count by the next column"),
        Binding(
            "left",
            "turn(-1)",
            "Previous",
            id="counts.previous",
            tooltip="Count by the previous column",
        ),
        Binding("space", "mark", "Mark", id="counts.mark", tooltip="Mark its rows"),
        Binding("escape,q", "leave", "Close", id="counts.leave", tooltip="Close this"),
    ]

    def __init__(self, desk: Desk, column: str, turned: Callable[[str], None]) -> None:
        """`turned` hears of each other column."""
        super().__init__()
        self.desk, self.column, self.turned = desk, column, turned
        self.counts: tuple[Count, ...] = ()

    def compose(self) -> ComposeResult:
        with Frame(classes="sheet"):
            yield Mover(())
            yield Line(id="chooser-keys").add_class("quiet")

    def on_mount(self) -> None:
        keys = "enter filter  space mark  ← → other columns  esc close"
        self.query_one("#chooser-keys", Line).show(Text(self.told(keys)))
        self.list.focus()
        self.renew()

    @property
    def list(self) -> Lister:
        return self.query_one(Lister)

    def told(self, text: str) -> str:
        return in_ascii(text) if self.desk.looks.ascii_only else text

    def renew(self) -> None:
        """Count again by the present column."""
        view, moment = self.desk.view, self.desk.moment()
        rows = [view.rows[key] for key in view.by_key if key in view.shown]
        states = states_of(rows, moment)
        self.counts = counts_by(self.column, rows, moment, states)
        title = (
            f"{len(rows):,} row{'' if len(rows) == 1 else 's'} by {BY_ID[self.column].title}:"
            f" {len(self.counts):,} value{'' if len(self.counts) == 1 else 's'}"
        )
        self.name_frame(title)
        shown = self.counts[:MOST_LINES]
        most = max((len(count.rows) for count in shown), default=1)
        widest = max((len(count.label) for count in shown), default=0)
        label = max(LABELS[0], min(LABELS[1], widest))
        lines = [
            self.told(
                f"{in_cell(count.label, label, cut_middle)} {len(count.rows):>{NUMBER},} "
                f"{bar(len(count.rows), most, BAR):<{BAR}} {count.words(states)}"
            )
            for count in shown
        ]
        more = len(self.counts) - len(shown)
        options = [Option(Text(line)) for line in lines]
        if more:
            options.append(Option(Text(f"{more:,} more: filter first"), disabled=True))
        self.list.clear_options()
        self.list.add_options(options)
        self.list.highlighted = 0 if lines else None
        box = self.query_one(Frame)
        box.styles.max_height = max(len(options), 1) + FRAME

    def action_turn(self, step: int) -> None:
        self.column = COUNTED[(COUNTED.index(self.column) + step) % len(COUNTED)]
        if BY_ID[self.column].of_fleet and not self.desk.view.in_fleet:
            self.column = COUNTED[(COUNTED.index(self.column) + step) % len(COUNTED)]
        self.turned(self.column)
        self.renew()

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        count = self.counts[selected.option_index]
        _ = self.dismiss((filter_of(count, self.column, self.counts), frozenset()))

    def action_mark(self) -> None:
        if self.counts:
            count = self.counts[min(self.list.at, len(self.counts) - 1)]
            _ = self.dismiss(("", frozenset(row.key for row in count.rows)))

    def action_leave(self) -> None:
        _ = self.dismiss(None)


class Counting:
    """Opens the bars by the column that was looked at last."""

    def __init__(self, desk: Desk, table_view: TableView) -> None:
        self.desk, self.table_view = desk, table_view
        self.column = COUNTED[0]

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "view.counts": self.open,
        }

    def open(self) -> None:
        if not self.desk.view.shown:
            self.desk.voice.say("no row is shown: nothing to count")
            return

        def turned(column: str) -> None:
            self.column = column

        def chosen(answer: tuple[str, frozenset[Key]] | None) -> None:
            text, keys = answer or ("", frozenset())
            if text:
                wanted = narrowed(self.desk.view.filter_text, text)
                self.table_view.filter(wanted, final=True)
            self.desk.view.mark(keys, marked=True)
            self.desk.voice.renew()

        self.desk.push(CountsBy(self.desk, self.column, turned), chosen)
