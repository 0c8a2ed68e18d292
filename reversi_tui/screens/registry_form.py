"""A form of the registry menu: checks each field while you type, and shows what it would do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Input

from checker.model import printable
from reversi_tui.actions.registry_forms import Box, Live
from reversi_tui.screens.modal import Modal
from reversi_tui.widgets.frame import Frame, LabelledInput, edged
from reversi_tui.widgets.line import Banner

FRAME = 8
"""Lines of the border, what it would do, and the buttons."""


class RegistryForm(Modal[Mapping[str, str] | None]):
    """Returns the texts once all are valid and change something; None after escape."""

    DEFAULT_CSS = """
    #form-fields { height: auto; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "go_on", "Go on", id="form.go_on", tooltip="Go on", priority=True),
        Binding("escape", "leave", "Cancel", id="form.leave", tooltip="Change nothing"),
        Binding(
            "up", "app.focus_previous", "Up", id="form.up", tooltip="The field above", show=False
        ),
        Binding(
            "down", "app.focus_next", "Down", id="form.down", tooltip="The field below", show=False
        ),
    ]

    def __init__(
        self, title: str, boxes: Sequence[Box], check: Callable[[Mapping[str, str]], Live]
    ) -> None:
        """`check` answers at once."""
        super().__init__()
        self.heading, self.boxes, self.check = title, tuple(boxes), check
        self.touched: set[str] = set()

    def compose(self) -> ComposeResult:
        with Frame(classes="dialog wide"):
            with VerticalScroll(id="form-fields", can_focus=False):
                for box in self.boxes:
                    yield LabelledInput(box.label, box.value, id=box.id, selects=True)
                    yield Banner(id=f"error-{box.id}").add_class("error")
            yield Banner(id="form-error").add_class("error")
            yield Banner(id="form-would").add_class("quiet")
            with Horizontal(classes="buttons"):
                yield Button(edged(self.app, "Cancel (esc)"), id="leave", compact=True)
                yield Button(edged(self.app, "Go on (ctrl+s)"), id="go-on", compact=True)

    def on_mount(self) -> None:
        self.name_frame(self.heading)
        self.query(Input).first().focus()

    def on_resize(self) -> None:
        """Let the fields scroll; the rest stays in sight."""
        room = max(2, self.size.height - FRAME)
        self.query_one("#form-fields").styles.max_height = room

    @property
    def values(self) -> dict[str, str]:
        return {field.id or "": field.value.strip() for field in self.query(Input)}

    def on_input_changed(self, changed: Input.Changed) -> None:
        box = next(box for box in self.boxes if box.id == changed.input.id)
        if changed.value != box.value:
            self.touched.add(box.id)
        self.renew()

    def renew(self) -> Live:
        """Check what is typed, and show the errors, or what it would do."""
        found = self.check(self.values)
        for box in self.boxes:
            error = found.errors.get(box.id, "") if box.id in self.touched else ""
            self.query_one(f"#error-{box.id}", Banner).show(error)
            self.query_one(f"#{box.id}", LabelledInput).mark(wrong=bool(error))
        error = found.errors.get("", "") if self.touched else ""
        self.query_one("#form-error", Banner).show(error)
        self.query_one("#form-would", Banner).show(printable_lines(found.lines))
        return found

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Go to the next field, or on."""
        if submitted.input.id == self.boxes[-1].id:
            self.action_go_on()
        else:
            self.focus_next()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        if pressed.button.id == "go-on":
            self.action_go_on()
        else:
            self.action_leave()

    def action_go_on(self) -> None:
        """Return the texts, or show what is wrong with them."""
        self.touched |= {box.id for box in self.boxes}
        found = self.renew()
        if found.may_go_on:
            _ = self.dismiss(self.values)
        elif not found.errors:
            self.query_one("#form-error", Banner).show("nothing to change")

    def action_leave(self) -> None:
        _ = self.dismiss(None)


def printable_lines(lines: Sequence[str]) -> str:
    return "\n".join(printable(line, 400) for line in lines)
