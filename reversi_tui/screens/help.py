"""Help, made from the bindings themselves and from the table of statuses."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from textual.binding import Binding

from checker.model import STATUS_MEANING, Status
from reversi_tui.columns import SYMBOLS
from reversi_tui.screens.sheet import Sheet
from reversi_tui.widgets.footer import key_name
from reversi_tui.widgets.status import STYLES

FILTERS = (
    ("text", "rows that contain it, anywhere"),
    ("!text", "rows that do not"),
    ("status:hung", "in one column, its name may be shortened"),
    ("a b", "both"),
)


class Help(Sheet):
    """Every key and what it does; what can be typed as a filter; what the statuses mean."""

    def __init__(self, bindings: Iterable[Binding], off: frozenset[str]) -> None:
        super().__init__("Help")
        self.bindings, self.off = tuple(bindings), off

    def on_mount(self) -> None:
        super().on_mount()
        text = Text("Keys\n", style="")
        for binding in self.bindings:
            keys = " ".join(key_name(key) for key in binding.key.split(","))
            off = " (off: this console is read-only)" if binding.id in self.off else ""
            text.append(f"  {keys:<14}", style="bold").append(f"{binding.tooltip or binding.description}{off}\n")
        text.append("\nFilter\n")
        for words, meaning in FILTERS:
            text.append(f"  {words:<14}", style="bold").append(f"{meaning}\n")
        text.append("\nStatus\n")
        for status in Status:
            text.append(f"  {f'{SYMBOLS[status]} {status}':<14}", style=STYLES[status]).append(f"{STATUS_MEANING[status]}\n")
        text.append("\nA row that no probe has touched for three sweeps is stale: shown dim, with the age of its last probe.")
        self.show(text)
