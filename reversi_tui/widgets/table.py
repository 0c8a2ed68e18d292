"""The table of tunnels: repaints a row only if its text, place, mark or cursor changed.

It uses Textual's Line API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from checker.model import NodeName, Status
from checker.rows.row import Key, Moment, Row
from reversi_tui.actions.plans import Deed
from reversi_tui.rows.cutting import in_cell
from reversi_tui.rows.layout import Place, fitted
from reversi_tui.rows.tones import Tone, tone_of
from reversi_tui.rows.uptime import in_ascii
from reversi_tui.view import FOLD, View, nearest
from reversi_tui.widgets.cursor_keys import HalfPages, cursor_keys
from reversi_tui.widgets.looks import Looks
from reversi_tui.widgets.scrolled import Scrolled
from reversi_tui.widgets.status import arrow

MARKED, FOLDED, UNFOLDED, BRANCH, LAST_BRANCH, MUTED, PLAIN = "▌▸▾├└= "
UNDER_WAY = "»"
"""In place of a status' sign, while something is done to the row."""
GUTTER = 2
"""Cells at the left: one for marks, one for folds and mutes."""
EMPTY_LINE = 1
"""Where an empty table says why."""
SCROLL_BAR = 1
"""Its cells, as in the style below."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """All that decides how a row is painted."""

    sign: str
    """The signs in the gutter: marked or not; folded, unfolded, below a fold, muted, or blank."""
    cells: tuple[str, ...]
    status: Status
    tone: Tone
    under_cursor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The row that was under the cursor, and the rows around it."""

    key: Key | None
    order: Sequence[Key]
    place: int | None
    """In the order; None: it was not shown."""


@dataclass(slots=True)
class Choice:
    """The columns that the operator wants."""

    columns: tuple[str, ...] = ()
    """Ids, in their order; empty: those that fit."""
    wide: bool = False


class TunnelTable(Scrolled, HalfPages, can_focus=True):
    """The cursor stays on its row, by key, wherever that moves. If the row goes by itself, there is
    no cursor until it comes back or a key moves it; if the operator hides it, the cursor moves to
    the nearest row.
    """

    DEFAULT_CSS = """
    TunnelTable {
        height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *cursor_keys("row"),
        Binding("home", "edge(-1)", "First", id="table.first", tooltip="The first row", show=False),
        Binding("end", "edge(1)", "Last", id="table.last", tooltip="The last row", show=False),
    ]

    class Opened(Message):
        """A row was double-clicked."""

    def __init__(
        self,
        view: View,
        moment: Callable[[], Moment],
        under_way: Mapping[Key, Deed],
        choice: Choice,
        looks: Looks,
    ) -> None:
        super().__init__(id="table")
        self.view, self.moment, self.under_way, self.choice, self.looks = (
            view,
            moment,
            under_way,
            choice,
            looks,
        )
        self.moved: Callable[[], None] = lambda: None
        """Called after the cursor was put on a row, so that all is painted in one go."""
        self.cursor: Key | None = None
        self.awaited: NodeName | None = None
        """A node that was just added: the cursor goes to it once it has a row."""
        self.last_place = 0
        """Where the cursor was last: it starts there after its row went."""
        self.fitted_to: tuple[object, ...] = ()
        self.columns: tuple[Place, ...] = ()
        self.painted: dict[int, Appearance | str | None] = {}
        self.empty = ""
        """What to say if no row is shown."""

    @property
    def cursor_place(self) -> int | None:
        return None if self.cursor is None else self.view.places.get(self.cursor)

    @property
    def selected(self) -> Row | None:
        """The row under the cursor, if it is shown."""
        return None if self.cursor not in self.view.places else self.view.row(self.cursor)

    def fit(self) -> int:
        """Fit the columns to the width, and return what a line takes. The scroll bar's cell stays
        free without a scroll bar too, so that one row more moves no column.
        """
        room = max(0, self.size.width - SCROLL_BAR - GUTTER)
        choice, view = self.choice, self.view
        asked = (room, view.needs, choice.columns, choice.wide, view.faults_only, view.in_fleet)
        if self.fitted_to != asked:
            self.fitted_to = asked
            self.columns = fitted(
                room,
                needs=view.needs,
                chosen=choice.columns,
                wide=choice.wide,
                faults_only=view.faults_only,
                in_fleet=view.in_fleet,
            )
            self.painted.clear()
        return self.scrollable_content_region.width

    def appearance(self, line: int, moment: Moment) -> Appearance | str | None:
        """How a line of the screen must look now: a row, a sentence or (None) nothing."""
        place = round(self.scroll_y) + line
        if not self.view.order and line == EMPTY_LINE and self.empty:
            return self.empty
        if place >= len(self.view.order):
            return None
        key = self.view.order[place]
        row = self.view.row(key)
        if row is None:
            return None
        cells = tuple(
            in_cell(
                self.text_of(at, row, moment), at.width, at.column.cutter, right=at.column.right
            )
            for at in self.columns
        )
        return Appearance(
            self.sign(key, row), cells, row.seen.status, tone_of(row, moment), key == self.cursor
        )

    def sign(self, key: Key, row: Row) -> str:
        return (MARKED if self.view.is_marked(row) else PLAIN) + self.fold_sign(key, row)

    def fold_sign(self, key: Key, row: Row) -> str:
        if key[1] == FOLD:
            return UNFOLDED if key[0] in self.view.unfolded else FOLDED
        if all(each.mute for each in row.members or (row,)):
            return MUTED
        if not self.is_below_fold(key):
            return PLAIN
        return LAST_BRANCH if self.view.under((key[0], FOLD))[-1] == key else BRANCH

    def is_below_fold(self, key: Key) -> bool:
        """Whether it is a forward of an unfolded node."""
        view = self.view
        return key[1] != FOLD and key[0] in view.unfolded and key[0] in view.folds

    def text_of(self, place: Place, row: Row, moment: Moment) -> str:
        text = place.column.text(row, moment)
        if place.column.id == "node" and self.is_below_fold(row.key):
            return f" {text}"
        if place.column.id not in ("status", "answer"):
            return text
        followed = self.view.followed
        if followed and self.view.only is not None and place.column.id == "answer":
            text = followed.text_of(row.key, row, moment) or text
        if not self.under_way:
            return text
        deed = next(
            filter(None, (self.under_way.get(each.key) for each in row.members or (row,))), None
        )
        if deed is None:
            return text
        # the status stays to be read
        return f"{UNDER_WAY}{text[1:]}" if place.column.id == "status" else f"{deed} is under way"

    def render_line(self, y: int) -> Strip:
        width = self.fit()
        look = self.appearance(y, self.moment())
        self.painted[y] = look
        if look is None:
            return Strip.blank(width, self.rich_style)
        if isinstance(look, str):
            text = in_cell(f" {in_ascii(look) if self.looks.ascii_only else look}", width)
            return Strip([Segment(text)]).apply_style(self.rich_style)
        looks = self.looks
        base = looks.cursor if look.under_cursor else looks.tones[look.tone]
        segments = [Segment(look.sign, looks.marked + base if look.sign[0] == MARKED else base)]
        for place, cell in zip(self.columns, look.cells, strict=True):
            # the cursor's row has one style: no cell of it stands out as a hole
            segments += (
                (Segment(cell, base),)
                if look.under_cursor
                else self.painted_cell(place, cell, look, base)
            )
            segments.append(Segment(" ", base))
        strip = Strip(joined(segments, ascii_only=looks.ascii_only))
        return strip.adjust_cell_length(width, base).apply_style(self.rich_style)

    def painted_cell(
        self, place: Place, cell: str, look: Appearance, base: Style
    ) -> Iterator[Segment]:
        """One cell: a fault's name is bold, its status and lost hours have their colour."""
        looks = self.looks
        if look.tone is not Tone.QUIET and place.column.id == "node":
            yield Segment(cell, looks.fault)
        elif look.tone is Tone.STALE:
            yield Segment(cell, looks.warning if place.column.id == "status" else base)
        elif look.tone is Tone.FAULT and place.column.id == "status":
            yield Segment(cell, looks.status[look.status])
        elif place.column.id == "day":
            for level, same in groupby(cell):
                yield Segment("".join(same), looks.levels.get(level, base))
        else:
            yield Segment(cell, base)

    def repaint_changed(self) -> None:
        """Repaint the lines that would look different from what is on the screen."""
        moment = self.moment()
        width = self.fit()
        lines = [
            y
            for y in range(self.size.height)
            if y not in self.painted or self.appearance(y, moment) != self.painted[y]
        ]
        if lines:
            self.refresh(*(Region(0, y, width, 1) for y in lines))

    def repaint_all(self) -> None:
        """Repaint after the columns or the colours changed."""
        self.painted.clear()
        self.refresh()

    def rearranged(self, before: int | None) -> None:
        """After the order changed, keep the cursor's row where it was on the screen, and repaint
        what differs. `before` is its old place. The top of the list stays in sight as long as the
        cursor's row does: with the worst first, that is where new faults come.
        """
        self.hold(len(self.view.order))
        place = self.cursor_place
        at_top = round(self.scroll_y) == 0 and place is not None and self.is_in_sight(place)
        if before is not None and place is not None and self.is_in_sight(before) and not at_top:
            self.scroll_to(
                y=max(0, round(self.scroll_y) + place - before), animate=False, immediate=True
            )
        if place is not None:
            self.last_place = place
        self.repaint_changed()

    def go_to_awaited(self) -> None:
        """Go to the node that was just added, if it is shown by now."""
        place = next(
            (at for at, (node, _) in enumerate(self.view.order) if node == self.awaited), None
        )
        if place is not None:
            self.awaited = None
            self.select(place)

    @property
    def where(self) -> Selected:
        """The row under the cursor, and the rows around it."""
        return Selected(key=self.cursor, order=self.view.order, place=self.cursor_place)

    def hid_rows(self, before: Selected) -> None:
        """The operator changed which rows are shown: stay on the row that was selected before, or
        take the nearest one that is left.
        """
        rows = self.view.order
        if before.key is None or not rows:
            return
        at = self.last_place if before.place is None else before.place
        self.cursor = (
            before.key
            if before.key in self.view.places
            else nearest(before.order, at, self.view.places) or rows[min(at, len(rows) - 1)]
        )

    def is_in_sight(self, place: int) -> bool:
        return 0 <= place - round(self.scroll_y) < self.size.height

    def on_resize(self, _: events.Resize) -> None:
        self.repaint_all()
        place = self.cursor_place
        if place is not None:
            self.show_place(place)

    def select(self, place: int) -> None:
        """Put the cursor on the row at this place of the order, and scroll to it."""
        if not self.view.order:
            return
        place = max(0, min(place, len(self.view.order) - 1))
        self.cursor, self.last_place = self.view.order[place], place
        self.show_place(place)
        self.repaint_changed()
        self.moved()

    def show_place(self, place: int) -> None:
        top, height = round(self.scroll_y), max(1, self.size.height)
        if place < top or place >= top + height:
            self.scroll_to(
                y=place if place < top else place - height + 1,
                animate=False,
                immediate=True,
                force=True,
            )

    def action_move(self, step: int) -> None:
        place = self.cursor_place
        self.select(self.last_place if place is None else place + step)

    def action_page(self, direction: int) -> None:
        place = self.cursor_place
        height = max(1, self.size.height)
        start = self.last_place if place is None else place
        if self.is_in_sight(start) and 0 <= start + direction * height < len(self.view.order):
            self.scroll_to(
                y=round(self.scroll_y) + direction * height,
                animate=False,
                immediate=True,
                force=True,
            )
        self.select(start + direction * height)

    def action_edge(self, direction: int) -> None:
        self.select(0 if direction < 0 else len(self.view.order) - 1)

    def on_click(self, click: events.Click) -> None:
        place = round(self.scroll_y) + click.y
        if place < len(self.view.order):
            self.select(place)
            if click.chain == 2:
                self.post_message(self.Opened())


def joined(segments: list[Segment], *, ascii_only: bool) -> list[Segment]:
    """Merge neighbours of the same style: fewer escape sequences."""
    alike = groupby(segments, key=lambda segment: segment.style)
    merged = (("".join(segment.text for segment in same), style) for style, same in alike)
    return [Segment(in_ascii(text) if ascii_only else text, style) for text, style in merged]


def heading(columns: tuple[Place, ...], view: View, looks: Looks) -> Text:
    """The titles of the columns, with an arrow at the one that sorts."""
    titles = []
    for place in columns:
        column = place.column
        sign = arrow(view) if column.id == view.sort_by else ""
        titles.append(in_cell(column.title + sign, place.width, right=column.right))
    return Text(" " * GUTTER + " ".join(titles), style=looks.palette.heading)
