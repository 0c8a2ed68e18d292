"""The form that asks for how long, and why, no alerts are wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Input, Static

from checker.model import InvalidValue
from reversi_tui.actions.mutes import USUAL_TIME, Until
from reversi_tui.screens.modal import Modal
from reversi_tui.widgets.frame import Frame, LabelledInput, edged
from reversi_tui.widgets.line import Banner


class MuteForm(Modal[Until | None]):
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
        with Frame(classes="dialog"):
            with VerticalScroll(id="mute-names", can_focus=False):
                if self.names:
                    yield Static(Text(self.names), markup=False)
            time = "Until when: 30m, 2h, 3d, 1w, 08:00"
            yield LabelledInput(time, USUAL_TIME, id="mute-time", selects=True)
            yield LabelledInput("Why", id="mute-why")
            yield Banner(id="mute-error").add_class("error")
            with Horizontal(classes="buttons"):
                yield Button(edged(self.app, "Cancel (esc)"), id="leave", compact=True)
                yield Button(edged(self.app, "Mute (enter)"), id="mute", compact=True)

    def on_mount(self) -> None:
        self.name_frame(self.heading)
        self.query_one("#mute-time").focus()

    def on_input_changed(self) -> None:
        self.query_one("#mute-error", Banner).show("")

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Go to the reason if there is none yet, or on."""
        why = self.query_one("#mute-why", Input)
        if submitted.input is not why and not why.value:
            why.focus()
        else:
            self.go_on()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        if pressed.button.id == "mute":
            self.go_on()
        else:
            self.action_leave()

    def go_on(self) -> None:
        """Return if both fields are valid; else say why not."""
        time, why = (self.query_one(name, Input) for name in ("#mute-time", "#mute-why"))
        try:
            _ = self.dismiss(self.parse(time.value, why.value))
        except InvalidValue as error:
            self.query_one("#mute-error", Banner).show(str(error))

    def action_leave(self) -> None:
        _ = self.dismiss(None)
