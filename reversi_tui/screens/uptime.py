"""The uptime screen: how much of the time each forward was up, worst first."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from checker.model import NodeName, Status, printable
from checker.rows.filter import parse_filter
from checker.rows.hours import FULL
from checker.rows.mistakes import mistake, why_nothing
from checker.rows.row import Key, Row, Share
from checker.rows.uptimes import Reported
from checker.state.errors import StateError
from reversi_tui.actions.footer import line
from reversi_tui.actions.writing import NotWritten, write_new
from reversi_tui.messages import Typed
from reversi_tui.reader.uptimes import last_month
from reversi_tui.rows.cutting import in_cell
from reversi_tui.rows.uptime import in_ascii
from reversi_tui.rows.uptime_figures import (
    Cell,
    Figure,
    Order,
    csv_text,
    figures,
    filter_for,
    fitted,
    needed,
    title_text,
)
from reversi_tui.rows.vocabulary import Vocabulary
from reversi_tui.screens.asking import Ask
from reversi_tui.screens.desk import Desk
from reversi_tui.settings.presets import key_on
from reversi_tui.terminal.threads import detached
from reversi_tui.widgets.bar import FilterBar
from reversi_tui.widgets.line import Banner, Line
from reversi_tui.widgets.lines import Lines

AGAIN_S = 300.0
"""Between readings while the screen is open."""
SOON_S = 0.05
POOR = 0.95
"""A smaller share has the color of what is down."""
KEYS, TAG_KEYS = (
    (("enter", row), ("/", "filter"), ("{}", group), ("o", "sort"), ("w", "write CSV"))
    for row, group in (("row", "by tag"), ("forwards", "ungroup"))
)
"""The keys; the one that groups is the operator's own."""


def bound(keys: str, call: str, title: str, tip: str) -> Binding:
    return Binding(keys, call, title, id=f"uptime.{title.lower()}", tooltip=tip, show=False)


class Uptime(Screen[Key | None]):
    """Returns the key of the row that the operator wants to see. Threads read the state file and
    sum up, so no key waits.
    """

    DEFAULT_CSS = """
    Uptime { layout: vertical; overflow: hidden; }
    """
    TITLE = "Uptime"
    BINDINGS: ClassVar[list[BindingType]] = [
        bound("slash", "filter", "Filter", "Filter the rows; enter keeps, escape clears"),
        bound("g", "group", "Groups", "Sum up by tag, or show each forward again"),
        bound("o", "order", "Sort", "Sort by the next column, worst first"),
        bound("w,W", "write", "Write", "Write what is shown to a new CSV file"),
        bound("enter", "open", "Row", "Go to the row, or show the forwards of the tag"),
        bound("escape", "clear", "Clear", "Clear the filter, else go back to the table"),
        bound("q,u", "close", "Close", "Go back to the table"),
        bound("question_mark,f1", "app.help", "Help", "Show these keys"),
    ]

    def __init__(self, desk: Desk, text: str) -> None:
        super().__init__()
        self.desk, self.text = desk, text
        self.by_tag, self.order = False, Order.WEEK
        self.reported: Mapping[Key, Reported] = {}
        self.figures: tuple[Figure, ...] = ()
        self.columns: tuple[Cell, ...] = ()
        self.is_read = self.is_reading = False
        self.trouble = ""
        self.group_key = key_on(desk.dependencies.preferences.preset, "uptime.groups", "g")
        self.lines = Lines(self.draw, lambda: desk.looks.cursor)
        self.bar = FilterBar(desk.dependencies.preferences.history)
        self.bar.vocabulary = Vocabulary(self.rows, desk.moment)

    def compose(self) -> ComposeResult:
        yield Line(id="uptime-title")
        yield Banner(id="trouble")
        yield Line(id="uptime-heading")
        yield self.lines
        yield Banner(id="said")
        yield self.bar
        yield Line(id="uptime-keys")

    def on_mount(self) -> None:
        self.lines.focus()
        self.renew()
        self.read_again()
        self.set_interval(AGAIN_S, self.read_again)

    def on_resize(self) -> None:
        self.call_after_refresh(self.renew)

    def read_again(self) -> None:
        if not self.desk.feed.health.registry_read:  # until then no row has its forward
            self.set_timer(SOON_S, self.read_again)
        elif not self.is_reading:
            self.is_reading = True
            self.run_worker(self.read(), group="read")

    async def read(self) -> None:
        dependencies = self.desk.dependencies
        forwards = [row.forward for row in self.rows() if row.forward]
        layout, now = dependencies.layout, dependencies.now()
        only_here = not self.desk.view.in_fleet
        try:
            found = await detached(
                lambda: last_month(layout, forwards, now, only_here=only_here), name="uptime"
            )
            self.reported = {(one.forward.node, one.forward.port): one for one in found}
            self.trouble = ""
        except StateError as error:
            self.trouble = printable(str(error), 400)
        finally:
            self.is_reading = False
        self.is_read = True
        self.show_again()

    def rows(self) -> Sequence[Row]:
        """The registered forwards; no daemon adds up how the others do."""
        rows = self.desk.view.rows.values()
        return [row for row in rows if row.forward is not None and not row.unregistered]

    def shown_rows(self) -> Sequence[Row]:
        shows, moment = parse_filter(self.text).shows, self.desk.moment()
        return [row for row in self.rows() if shows(row, moment)]

    def show_again(self) -> None:
        """Sum up and sort again; only the newest question is answered."""
        self.run_worker(self.sum_up(), group="arrange", exclusive=True)

    async def sum_up(self) -> None:
        rows = self.shown_rows()
        reported = [self.reported[row.key] for row in rows if row.key in self.reported]
        tags: dict[NodeName, Sequence[str]] | None = None
        if self.by_tag:
            tags = {row.seen.node: row.tags for row in rows}
        now, order = self.desk.dependencies.now(), self.order
        found = await detached(lambda: figures(reported, now, order, tags), name="figures")
        self.take(found)

    def take(self, found: tuple[Figure, ...]) -> None:
        """Show these figures; the cursor stays on its own."""
        cursor = self.selected
        self.figures = found
        ids = [figure.id for figure in found]
        place = ids.index(cursor.id) if cursor and cursor.id in ids else 0
        self.renew()
        self.lines.show(len(found), place)

    @property
    def selected(self) -> Figure | None:
        place = self.lines.cursor
        return self.figures[place] if place < len(self.figures) else None

    def renew(self) -> None:
        """Draw the lines around the list for the present size."""
        with suppress(LookupError):
            self.fit()
        title = title_text(
            len(self.figures),
            len(self.reported),
            by_tag=self.by_tag,
            order=self.order,
            filtered=printable(self.text),
        )
        if not self.is_read:
            title = "Uptime: reading 30 days..."
        texts = {
            "#uptime-title": Text(title, style="bold"),
            "#uptime-heading": Text(self.heading(), style=self.desk.looks.palette.heading),
            "#uptime-keys": self.keys_line(),
        }
        for name, text in texts.items():
            self.query_one(name, Line).show(text)
        self.query_one("#trouble", Banner).show(self.trouble)

    def keys_line(self) -> Text:
        """The keys that work now."""
        if self.bar.display:
            return line(self.bar.hints, ("f1", "help"), self.size.width)
        hints = TAG_KEYS if self.by_tag else KEYS
        own = tuple((key.format(self.group_key), word) for key, word in hints)
        return line((*own, ("esc", "close")), ("?", "help"), self.size.width)

    def fit(self) -> None:
        """Choose the columns that fit; the scroll bar's cell stays free."""
        room = max(20, self.size.width - 1)
        columns = fitted(room, needed(self.figures), by_tag=self.by_tag)
        if [(cell.title, cell.width) for cell in columns] != [
            (cell.title, cell.width) for cell in self.columns
        ]:
            self.columns = columns
            self.lines.refresh()

    def heading(self) -> str:
        """The titles of the columns; the one that sorts has an arrow."""
        return " ".join(
            in_cell(
                cell.title + ("↓" if cell.order is self.order else ""), cell.width, right=cell.right
            )
            for cell in self.columns
        )

    def draw(self, place: int) -> Text:
        figure, text = self.figures[place], Text(no_wrap=True)
        for cell in self.columns:
            shown = in_cell(
                printable(cell.text(figure), 200), cell.width, cell.cutter, right=cell.right
            )
            shown = in_ascii(shown) if self.desk.looks.ascii_only else shown
            style = self.style_of(cell.part(figure)) if cell.part else ""
            text.append(shown, style=style).append(" ")
        return text

    def style_of(self, part: Share) -> str:
        """Losses have a color; what is well is quiet."""
        palette = self.desk.looks.palette
        if part is None or part >= FULL:
            return palette.dim
        return palette.status[Status.DOWN] if part < POOR else palette.warning

    def say(self, sentence: str) -> None:
        self.query_one("#said", Banner).show(printable(sentence, 400))

    def use(self, text: str) -> None:
        """Show what this filter shows."""
        self.text = text
        self.say("")
        self.show_again()

    def action_filter(self) -> None:
        self.bar.open(self.text)

    def on_typed(self, message: Typed) -> None:
        """Follow what is typed into the filter."""
        message.stop()
        self.use(message.text if message.kept else "")
        if message.final:
            self.bar.display = False
            self.lines.focus()
            say_why = mistake if self.shown_rows() else why_nothing
            self.say(say_why(self.text, self.rows(), self.desk.moment()))

    def action_group(self) -> None:
        self.by_tag = not self.by_tag
        self.show_again()

    def action_order(self) -> None:
        """Sort by the next column, from left to right."""
        orders = [cell.order for cell in self.columns if cell.order]
        at = orders.index(self.order) if self.order in orders else -1
        self.order = orders[(at + 1) % len(orders)]
        self.show_again()

    def action_open(self) -> None:
        figure = self.selected
        if figure is None:
            return
        if figure.key is not None:
            _ = self.dismiss(figure.key)
            return
        self.by_tag = False
        self.use(filter_for(figure.name))

    def on_lines_opened(self) -> None:
        self.action_open()

    def action_clear(self) -> None:
        if self.text:
            self.use("")
        else:
            self.action_close()

    def action_close(self) -> None:
        _ = self.dismiss(None)

    def action_write(self) -> None:
        """Ask for a file, and write what is shown."""
        name = time.strftime(
            "reversi-uptime-%Y%m%d.csv", time.localtime(self.desk.dependencies.now())
        )
        content = csv_text(self.figures, by_tag=self.by_tag)

        def answered(text: str | None) -> None:
            if text is not None:
                self.run_worker(self.write(text, content), group="write")

        text = "A name, or a path. Only you will be able to read the file."
        _ = self.app.push_screen(Ask("Write this to a new CSV file", text, name), answered)

    async def write(self, text: str, content: str) -> None:
        try:
            path = await detached(lambda: write_new(text, content), name="write")
        except NotWritten as error:
            sentence = str(error)
        else:
            sentence = f"wrote {len(self.figures):,} lines to {path}"
        self.say(sentence)
        self.desk.voice.keep(sentence)
