"""The log of what this console did; its last lines are below the table."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from textual.widgets import Static

from checker.model import printable

LINES = 6
KEPT = 1000


class LogPane(Static):
    """The newest line is the last one; hidden at first."""

    DEFAULT_CSS = f"""
    LogPane {{
        display: none; height: {LINES}; width: 1fr; text-wrap: nowrap; text-overflow: ellipsis;
        border-top: solid $primary;
    }}
    """

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__("", id="log", markup=False)
        self.now = now
        self.lines: deque[str] = deque(maxlen=KEPT)

    def add(self, sentence: str) -> None:
        """Add a line, with the time on the gateway's clock."""
        self.lines.append(
            f"{time.strftime('%H:%M:%S', time.localtime(self.now()))}  {printable(sentence, 1000)}"
        )
        self.show()

    def show(self) -> None:
        if self.display:
            self.update(
                "\n".join(list(self.lines)[-(LINES - 1) :]) or "this console has done nothing yet",
                layout=False,
            )

    def toggle(self) -> None:
        self.display = not self.display
        self.show()
