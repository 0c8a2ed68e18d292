"""The sheet of a row: its tabs, the keys that act on the row, and what came of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from checker.model import printable
from checker.rows.row import Moment, Row
from reversi_tui.rows.detail_text import title
from reversi_tui.rows.dossier import Dossier, Paper
from reversi_tui.rows.palette import Palette
from reversi_tui.rows.sheet_tabs import TABS, Tab, tab_text, tabs_line
from reversi_tui.rows.uptime import in_ascii
from reversi_tui.screens.sheet import Sheet
from reversi_tui.widgets.frame import Frame
from reversi_tui.widgets.line import Banner, Line
from reversi_tui.widgets.page import Page

WIDEST, EDGES = 110, 4
"""Cells of the widest sheet, and of its borders and margins, as in the style sheet."""
CallById = Callable[[str], Awaitable[None]]
"""Carries out the action of that id."""


async def nothing(_: str) -> None:
    """Carry out no action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the sheet asks of the main screen."""

    acts: Mapping[str, str] = field(default_factory=dict)
    """The ids of the actions that work on a row, by their keys."""
    call: CallById = nothing
    walk: Callable[[int], None] = lambda _: None
    """Goes so many rows on."""
    keys: Callable[[Row, int], Text] = lambda _, __: Text()
    """The line of keys for a row and a width."""


CLOSED = Doors()


class Detail(Sheet):
    """One row, kept fresh by the main screen. Keys that act on a row act on this one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "right,tab",
            "turn(1)",
            "Next tab",
            id="sheet.tab_next",
            tooltip="The next tab",
            show=False,
        ),
        Binding(
            "left,shift+tab",
            "turn(-1)",
            "Previous tab",
            id="sheet.tab_back",
            tooltip="The previous tab",
            show=False,
        ),
        *(
            Binding(
                str(number),
                f"tab({tab.value!r})",
                tab.value,
                id=f"sheet.{tab}",
                tooltip=f"The tab {tab}",
                show=False,
            )
            for number, tab in enumerate(TABS, 1)
        ),
        Binding(
            "left_square_bracket",
            "walk(-1)",
            "Previous row",
            id="sheet.previous",
            tooltip="The sheet of the previous row",
            show=False,
        ),
        Binding(
            "right_square_bracket",
            "walk(1)",
            "Next row",
            id="sheet.next",
            tooltip="The sheet of the next row",
            show=False,
        ),
    ]

    AUTO_FOCUS: ClassVar[str | None] = "#sheet-page"

    def __init__(
        self, row: Row, palette: Palette, *, ascii_only: bool = False, doors: Doors = CLOSED
    ) -> None:
        super().__init__(title(row))
        self.key = row.key
        self.row, self.palette, self.ascii_only, self.doors = row, palette, ascii_only, doors
        self.tab = Tab.STATE
        self.place = ""
        """Which of the rows shown it is."""
        self.is_gone = False
        self.moment: Moment | None = None
        self.dossier: Dossier | None = None

    def compose(self) -> ComposeResult:
        with Frame(classes="sheet"):
            yield Line(id="sheet-tabs")
            yield Page(id="sheet-page")
            yield Banner(id="sheet-said")
            yield Line(id="sheet-keys")

    def begin(self) -> None:
        self.write()

    @property
    def page(self) -> Page:
        return self.query_one("#sheet-page", Page)

    def on_resize(self) -> None:
        self.call_after_refresh(self.paint)

    async def on_key(self, event: events.Key) -> None:
        """A key of an action on a row acts on this row."""
        action = self.doors.acts.get(event.key)
        if action:
            event.stop()
            event.prevent_default()
            await self.doors.call(action)

    def action_walk(self, step: int) -> None:
        self.doors.walk(step)

    def action_turn(self, step: int) -> None:
        self.action_tab(TABS[(TABS.index(self.tab) + step) % len(TABS)])

    def action_tab(self, name: str) -> None:
        self.tab = Tab(name)
        self.paint()
        self.page.scroll_home(animate=False)

    def show_row(self, row: Row, place: str, moment: Moment) -> None:
        """Become the sheet of another row."""
        self.key, self.row, self.dossier, self.is_gone = row.key, row, None, False
        self.place, self.moment = place, moment
        self.paint()
        self.page.scroll_home(animate=False)

    def renew(self, row: Row | None, moment: Moment, dossier: Dossier | None = None) -> None:
        """Show what is known now; a row that is gone stays as it was."""
        self.is_gone = row is None
        self.row, self.moment = row or self.row, moment
        self.dossier = dossier or self.dossier
        self.paint()

    def say(self, sentence: str) -> None:
        """Show a sentence above the keys; an empty one takes it away."""
        if self.is_whole:
            self.query_one("#sheet-said", Banner).show(printable(sentence, 800))

    def paint(self) -> None:
        """Write the text for the present size, unless the parts come or go."""
        if self.is_mounted and self.is_whole:
            self.write()

    def write(self) -> None:
        """Write the text; the scroll bar's cell stays free."""
        if self.moment is None:
            return
        # before the first layout nothing has a size; what the sheet will take is known all the same
        laid_out = self.query_one("#sheet-tabs", Line).size.width
        width = max(30, (laid_out or min(WIDEST, self.app.size.width) - EDGES) - 1)
        paper = Paper(width=width, height=self.app.size.height, palette=self.palette)
        heading = Text(title(self.row), style="bold")
        if self.is_gone:
            heading.append("  gone; this is what was known last", style=self.palette.warning)
        elif self.place:
            heading.append(f"  {self.place}", style=f"not bold {self.palette.dim}")
        self.name_frame(heading)
        self.query_one("#sheet-tabs", Line).show(tabs_line(self.tab, paper))
        self.query_one("#sheet-keys", Line).show(self.doors.keys(self.row, width + 1))
        text = tab_text(self.tab, self.row, self.moment, self.dossier, paper)
        self.shown = plain(text) if self.ascii_only else text
        self.page.show(self.shown)


def plain(text: Text) -> Text:
    """The same text in ASCII; its length stays the same."""
    return Text(in_ascii(text.plain), spans=text.spans)
