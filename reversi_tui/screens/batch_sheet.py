"""A sheet that shows how far a command on many rows is, and at the end what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from reversi_tui.actions.batch import Batch, summary
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.sheet import Sheet
from reversi_tui.widgets.line import Line

LOOK_EVERY_S = 0.5


class BatchSheet(Sheet):
    """Escape asks whether to stop; enter leaves the command running, and its end is in the log."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,q",
            "stop",
            "Stop",
            id="batch.stop",
            tooltip="Stop the programs that this console started",
        ),
        Binding(
            "enter",
            "close",
            "Leave it running",
            id="batch.leave",
            tooltip="Go back to the table; the command goes on",
        ),
    ]

    def __init__(self, batch: Batch, stop: Callable[[], None]) -> None:
        """`stop` ends what runs, and lets nothing more start."""
        super().__init__(batch.progress())
        self.under_way, self.stop = batch, stop
        self.seen = -1
        """How many were done when it was last painted; all and one more at the end."""

    def on_mount(self) -> None:
        self.call_after_refresh(self.renew)  # Textual calls the sheet's own on_mount after this one
        self.set_interval(LOOK_EVERY_S, self.renew)

    def renew(self) -> None:
        """Paint what is new."""
        seen = len(self.under_way.done) + self.under_way.is_over + self.under_way.is_stopped
        if seen == self.seen:
            return
        self.seen = seen
        self.name_frame(self.under_way.progress())
        keys = "esc close" if self.under_way.is_over else "enter leave it running   esc stop"
        self.query_one("#sheet-keys", Line).show(Text(f"↑ ↓ scroll   {keys}"))
        self.show(Text(summary(self.under_way)))

    def action_stop(self) -> None:
        """Close it if all is done; else ask."""
        if self.under_way.is_over:
            self.action_close()
            return
        text = (
            f"{self.under_way.progress()}\n\nOnly the programs that this console started are ended,"
            " with their children. What they did already stays done."
        )
        _ = self.app.push_screen(Confirm("Stop the command?", text, yes="stop it"), self.answered)

    def answered(self, yes: bool | None) -> None:
        if yes:
            self.stop()
            self.renew()
