"""The palette: finds an action, a view or a node by typing a part of its name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from checker.model import NodeName
from reversi_tui.actions.offers import (
    Board,
    Offer,
    OfferStyles,
    best,
    fitting,
    laid_out,
    of_nodes,
    text_of,
)
from reversi_tui.screens.modal import Modal
from reversi_tui.widgets.frame import Frame, LabelledInput
from reversi_tui.widgets.line import Line, drawn
from reversi_tui.widgets.looks import Looks
from reversi_tui.widgets.page import Page

NOTHING = "nothing has that in its name"


class Finder(Modal[Offer | None]):
    """Returns what was chosen; None after escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", id="finder.leave", tooltip="Choose nothing"),
        Binding("up", "move(-1)", "Up", id="finder.up", tooltip="The one before", priority=True),
        Binding("down", "move(1)", "Down", id="finder.down", tooltip="The next", priority=True),
        Binding(
            "left,right,tab,shift+tab",
            "beside",
            "Column",
            id="finder.beside",
            tooltip="The other column",
            priority=True,
        ),
        Binding(
            "pageup", "move(-10)", "Page up", id="finder.page_up", tooltip="Ten up", priority=True
        ),
        Binding(
            "pagedown",
            "move(10)",
            "Page down",
            id="finder.page_down",
            tooltip="Ten down",
            priority=True,
        ),
    ]

    def __init__(self, offers: Sequence[Offer], nodes: Collection[NodeName], looks: Looks) -> None:
        super().__init__()
        self.offers, self.nodes, self.looks = tuple(offers), nodes, looks
        self.chosen = self.offers[0] if self.offers else None
        self.shown = Board(())

    def compose(self) -> ComposeResult:
        with Frame(classes="dialog finder"):
            yield LabelledInput("", id="finder-text")
            yield Page(id="finder-list")
            yield Line(id="finder-tip").add_class("quiet")

    def on_mount(self) -> None:
        self.name_frame("Palette")
        self.page.can_focus = False
        field = self.query_one("#finder-text", Input)
        field.placeholder = "an action, a view or a node"
        field.focus()
        self.call_after_refresh(self.find)

    def on_resize(self) -> None:
        self.call_after_refresh(self.find)

    @property
    def page(self) -> Page:
        return self.query_one(Page)

    def on_input_changed(self) -> None:
        self.chosen = None
        self.find()

    def find(self) -> None:
        """Show what fits the text, and begin at the best one."""
        if not self.is_mounted or not self.query(Page):
            return
        text = self.query_one("#finder-text", Input).value
        found = (*fitting(self.offers, text), *of_nodes(self.nodes, text))
        self.shown = laid_out(found, self.width)
        if self.chosen not in found:
            self.chosen = best(found, text)
        self.paint()

    @property
    def width(self) -> int:
        return max(20, self.page.scrollable_content_region.width)

    def paint(self) -> None:
        """Draw the list and the tip, with the cursor in sight."""
        palette, page, chosen = self.looks.palette, self.page, self.chosen
        styles = OfferStyles(heading=palette.heading, chosen=palette.cursor, quiet=palette.dim)
        page.show(drawn(self, text_of(self.shown, chosen, self.width, styles)))
        at, height = self.shown.line_of(chosen), max(1, page.size.height)
        top = round(page.scroll_y)
        if not top <= at < top + height:
            y = max(0, at - 1) if at < top else at - height + 1
            page.scroll_to(y=y, animate=False, immediate=True, force=True)
        elif at == 1:
            page.scroll_to(y=0, animate=False, immediate=True, force=True)
        tip = NOTHING if chosen is None else chosen.tip
        self.query_one("#finder-tip", Line).show(Text(tip))

    def action_move(self, step: int) -> None:
        self.chosen = self.shown.moved(self.chosen, step)
        self.paint()

    def action_beside(self) -> None:
        self.chosen = self.shown.beside(self.chosen)
        self.paint()

    def on_input_submitted(self) -> None:
        if self.chosen is not None:
            _ = self.dismiss(self.chosen)

    def action_leave(self) -> None:
        _ = self.dismiss(None)
