"""The form for a new node: shows errors below each field while you type."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Input, TextArea

from checker.model import ExpectKind, Forward, KeyType, printable
from reversi_tui.actions.new_node import Asked, Checked, Field, NewNode
from reversi_tui.actions.node_changes import Changed
from reversi_tui.terminal.threads import detached
from reversi_tui.widgets.line import Banner, Line

LABELS = {
    Field.NAME: "Name",
    Field.FORWARDS: "Forwards, one a line: [PORT=]HOST:PORT[,EXPECT]",
    Field.OUTPUT: "File for the device: NAME.toml, or NAME.sh for a bundle",
    Field.TAGS: "Tags, as in: site-a openwrt",
    Field.NOTE: "Note",
}


EXAMPLE = "127.0.0.1:22,banner:SSH-2.0"


class Tick(Checkbox):
    """A checkbox whose shape shows its state, not only its colour."""

    BUTTON_LEFT, BUTTON_INNER, BUTTON_RIGHT = "[", " ", "]"

    def watch_value(self) -> None:
        self.BUTTON_INNER = "x" if self.value else " "
        super().watch_value()


class Adding(ModalScreen[Changed | None]):
    """Returns what was added, or None. `check` answers at once; `add` may block, so it is called in
    a thread.
    """

    DEFAULT_CSS = """
    Adding { align: center middle; background: transparent; }
    #adding-fields { height: 1fr; scrollbar-size-vertical: 1; }
    Adding TextArea { height: 4; border: none; padding: 0; }
    Adding Checkbox { border: none; padding: 0; }
    Adding TextArea, Adding Checkbox { background: transparent; }
    Adding .note { text-style: dim; max-height: 8; }
    #adding-buttons { width: 1fr; height: 1; }
    #adding-buttons Button { width: auto; margin: 0 2 0 0; }
    #adding-buttons Button:focus { text-style: reverse bold; }
    #adding-buttons .refused { text-style: dim; }
    #adding-buttons .refused:focus { text-style: reverse dim; }
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
        with Vertical(classes="sheet"):
            yield Line(id="adding-title")
            with VerticalScroll(id="adding-fields", can_focus=False):
                yield Line(id="label-name")
                yield Input(id="name", compact=True, select_on_focus=False)
                yield Banner(id="error-name").add_class("error")
                yield Line(id="label-forwards")
                yield TextArea(
                    id="forwards",
                    compact=True,
                    tab_behavior="focus",
                    show_line_numbers=True,
                    soft_wrap=False,
                    placeholder=EXAMPLE,
                )
                yield Banner(id="error-forwards").add_class("error")
                yield Banner(id="allotted").add_class("note")
                yield Line(id="label-output")
                yield Input(id="output", compact=True, select_on_focus=False)
                yield Banner(id="error-output").add_class("error")
                yield Banner(id="files").add_class("note")
                yield Tick("RSA key (for dropbear on small flash)", id="rsa", compact=True)
                for name in (Field.TAGS, Field.NOTE):
                    yield Line(id=f"label-{name}")
                    yield Input(id=name, compact=True, select_on_focus=False)
                    yield Banner(id=f"error-{name}").add_class("error")
            yield Banner(id="adding-said")
            with Horizontal(id="adding-buttons"):
                yield Button("Cancel (esc)", id="leave", compact=True)
                yield Button("Add (ctrl+s)", id="add", compact=True)

    def on_mount(self) -> None:
        self.query_one("#adding-title", Line).show(Text("New node", style="bold"))
        for name, label in LABELS.items():
            self.query_one(f"#label-{name}", Line).show(Text(label, style="bold"))
        for field in (*self.query(Input), *self.query(TextArea)):
            field.cursor_blink = False  # each blink would be bytes on the link
        self.query_one("#name").focus()
        self.renew()

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
