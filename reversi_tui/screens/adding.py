"""The form for a new node: shows errors below each field while you type."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, TextArea

from checker.model import ExpectKind, Forward, KeyType, printable
from reversi_tui.actions.new_node import Asked, Checked, Field, NewNode
from reversi_tui.actions.node_changes import Changed
from reversi_tui.screens.modal import Modal
from reversi_tui.terminal.threads import detached
from reversi_tui.widgets.frame import Frame, LabelledInput, edged
from reversi_tui.widgets.line import Banner

LABELS = {
    Field.NAME: "Name",
    Field.FORWARDS: "Forwards, one a line: [PORT=]HOST:PORT[,EXPECT]",
    Field.OUTPUT: "File for the device: NAME.toml, or NAME.sh for a bundle",
    Field.TAGS: "Tags, as in: site-a openwrt",
    Field.NOTE: "Note",
}


EXAMPLE = "127.0.0.1:22,banner:SSH-2.0"
FRAME = 6
"""Lines of the border, the outcome and the buttons."""


class Tick(Checkbox):
    """A checkbox whose shape shows its state, not only its colour."""

    @property
    def _button(self) -> Content:
        return Content("[x]" if self.value else "[ ]")


class Adding(Modal[Changed | None]):
    """Returns what was added, or None. `check` answers at once; `add` may block, so it is called in
    a thread.
    """

    DEFAULT_CSS = """
    #adding-fields { height: auto; scrollbar-size-vertical: 1; }
    Adding .note { text-style: dim; max-height: 8; }
    Adding .refused { text-style: dim; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "add", "Add", id="adding.add", tooltip="Add the node", priority=True),
        Binding("escape", "leave", "Cancel", id="adding.leave", tooltip="Add nothing"),
        Binding(
            "up", "app.focus_previous", "Up", id="adding.up", tooltip="The field above", show=False
        ),
        Binding(
            "down",
            "app.focus_next",
            "Down",
            id="adding.down",
            tooltip="The field below",
            show=False,
        ),
    ]

    def __init__(
        self, check: Callable[[Asked], Checked], add: Callable[[NewNode], Changed]
    ) -> None:
        super().__init__()
        self.check, self.add = check, add
        self.checked = check(Asked())
        self.touched: set[Field] = set()
        self.busy = False

    def compose(self) -> ComposeResult:
        with Frame(classes="dialog wide"):
            with VerticalScroll(id="adding-fields", can_focus=False):
                yield LabelledInput(LABELS[Field.NAME], id="name")
                yield Banner(id="error-name").add_class("error")
                yield TextArea(
                    id="forwards",
                    tab_behavior="focus",
                    show_line_numbers=True,
                    soft_wrap=False,
                    placeholder=EXAMPLE,
                )
                yield Banner(id="error-forwards").add_class("error")
                yield Banner(id="allotted").add_class("note")
                yield LabelledInput(LABELS[Field.OUTPUT], id="output")
                yield Banner(id="error-output").add_class("error")
                yield Banner(id="files").add_class("note")
                yield Tick("RSA key (for dropbear on small flash)", id="rsa", compact=True)
                for name in (Field.TAGS, Field.NOTE):
                    yield LabelledInput(LABELS[name], id=name)
                    yield Banner(id=f"error-{name}").add_class("error")
            yield Banner(id="adding-said")
            with Horizontal(id="adding-buttons", classes="buttons"):
                yield Button(edged(self.app, "Cancel (esc)"), id="leave", compact=True)
                yield Button(edged(self.app, "Add (ctrl+s)"), id="add", compact=True)

    def on_mount(self) -> None:
        self.name_frame("New node")
        forwards = self.query_one("#forwards", TextArea)
        forwards.cursor_blink = False  # each blink would be bytes on the link
        forwards.border_title = Text(LABELS[Field.FORWARDS])
        self.query_one("#name").focus()
        self.renew()

    def on_resize(self) -> None:
        """Let the fields scroll; the buttons stay in sight."""
        room = max(2, self.size.height - FRAME)
        self.query_one("#adding-fields").styles.max_height = room

    @property
    def asked(self) -> Asked:
        return Asked(
            name=self.query_one("#name", Input).value,
            forwards=self.query_one("#forwards", TextArea).text,
            output=self.query_one("#output", Input).value,
            key_type=KeyType.RSA if self.query_one("#rsa", Checkbox).value else KeyType.ED25519,
            tags=self.query_one("#tags", Input).value,
            note=self.query_one("#note", Input).value,
        )

    def renew(self) -> None:
        """Check what is typed, and show the errors, or the result."""
        self.checked = self.check(self.asked)
        for name in Field:
            error = self.checked.errors.get(name, "") if name in self.touched else ""
            self.query_one(f"#error-{name}", Banner).show(error)
            self.query_one(f"#{name}").set_class(bool(error), "-wrong")
        self.query_one("#allotted", Banner).show(
            "\n".join(map(forward_line, self.checked.forwards))
        )
        self.query_one("#files", Banner).show(
            printable(f"writes {self.checked.output}", 400) if self.checked.output else ""
        )
        self.query_one("#add", Button).set_class(
            self.busy or self.checked.wanted is None, "refused"
        )

    def renew_typed(self) -> None:
        """Check again, and drop the message about the last attempt."""
        if not self.busy:
            self.query_one("#adding-said", Banner).show("")
        self.renew()

    @on(Input.Changed)
    def input_changed(self, changed: Input.Changed) -> None:
        if changed.value or Field(changed.input.id or "") in self.touched:
            self.touched.add(Field(changed.input.id or ""))
        self.renew_typed()

    @on(TextArea.Changed)
    def forwards_changed(self, changed: TextArea.Changed) -> None:
        if changed.text_area.text:
            self.touched.add(Field.FORWARDS)
        self.renew_typed()

    @on(Checkbox.Changed)
    def key_changed(self) -> None:
        self.renew()

    @on(Input.Submitted)
    def submitted(self) -> None:
        self.focus_next()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        if pressed.button.id == "add":
            self.action_add()
        else:
            self.action_leave()

    def action_add(self) -> None:
        """Add the node if the form has no errors; else show them."""
        self.touched |= set(Field)
        self.renew()
        wanted = self.checked.wanted
        if self.busy:
            return
        if wanted is None:
            self.query_one("#adding-said", Banner).show(
                f"not added: see the errors below {', '.join(self.checked.errors)}"
            )
            return
        self.busy = True
        self.query_one("#adding-said", Banner).show(f"adding {wanted.name} ...")
        self.renew()
        self.run_worker(self.carry_out(wanted), name="add")

    async def carry_out(self, wanted: NewNode) -> None:
        changed = await detached(lambda: self.add(wanted), name=f"add {wanted.name}")
        self.busy = False
        if changed.done:
            _ = self.dismiss(changed)
            return
        self.query_one("#adding-said", Banner).show(
            printable(f"not added: {changed.sentence}", 800)
        )
        self.renew()

    def action_leave(self) -> None:
        """Close the form, unless a node is being added: you would not see the outcome."""
        if not self.busy:
            _ = self.dismiss(None)


def forward_line(forward: Forward) -> str:
    """The forward that one line would make."""
    weak = " (cannot detect a hang)" if forward.expect.kind is ExpectKind.OPEN else ""
    return printable(
        f"port {forward.port} -> {forward.target}, expecting {forward.expect}{weak}", 200
    )
