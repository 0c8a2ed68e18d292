"""The form that asks for how long, and why, no alerts are wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from checker.model import InvalidValue
from reversi_tui.actions.mutes import USUAL_TIME, Until
from reversi_tui.widgets.line import Banner, Line


class MuteForm(ModalScreen[Until | None]):
    """Returns what was typed, once it is valid; None after escape."""

    DEFAULT_CSS = """
    #mute-names { height: auto; max-height: 12; scrollbar-size-vertical: 1; }
    #mute-names Static { margin: 0 0 1 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="mute.leave", tooltip="Mute nothing"),
        Binding(
            "up", "app.focus_previous", "Up", id="mute.up", tooltip="The field above", show=False
        ),
        Binding(
            "down", "app.focus_next", "Down", id="mute.down", tooltip="The field below", show=False
        ),
    ]

    def __init__(self, title: str, names: str, parse: Callable[[str, str], Until]) -> None:
        """`parse` makes a result of time and reason, or raises InvalidValue."""
        super().__init__()
        self.heading, self.names, self.parse = title, names, parse

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Line(id="mute-title")
            with VerticalScroll(id="mute-names", can_focus=False):
                yield Static(Text(self.names), markup=False)
            yield Static("Until when: 30m, 2h, 3d, 1w, 08:00", markup=False)
            yield Input(USUAL_TIME, id="mute-time", compact=True, select_on_focus=True)
            yield Static("Why", markup=False)
            yield Input(id="mute-why", compact=True, select_on_focus=False)
            yield Banner(id="mute-error").add_class("error")
            yield Static("enter mute   esc cancel", markup=False, classes="quiet")

    def on_mount(self) -> None:
        self.query_one("#mute-title", Line).show(Text(self.heading, style="bold"))
        for field in self.query(Input):
            field.cursor_blink = False
        self.query_one("#mute-time").focus()

    def on_input_changed(self) -> None:
        self.query_one("#mute-error", Banner).show("")

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Return if both fields are valid; else go to the one that is not, and say why."""
        time, why = (self.query_one(name, Input) for name in ("#mute-time", "#mute-why"))
        if submitted.input is time and not why.value:
            why.focus()
            return
        try:
            _ = self.dismiss(self.parse(time.value, why.value))
        except InvalidValue as error:
            self.query_one("#mute-error", Banner).show(str(error))

    def action_leave(self) -> None:
        _ = self.dismiss(None)
