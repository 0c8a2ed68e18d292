"""What this console did, with its outcome: the last lines below the table, and all of it on a
sheet.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from textual.widgets import Static

from checker.model import printable

LINES = 6
KEPT = 1000


class LogPane(Static):
    """The newest line is the last; hidden until asked for."""

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
        """Write it down, with the time of the gateway's clock."""
        self.lines.append(
            f"{time.strftime('%H:%M:%S', time.localtime(self.now()))}  {printable(sentence, 1000)}"
        )
        self.show()

    def show(self) -> None:
        if self.display:
            self.update(
                "\n".join(list(self.lines)[-(LINES - 1) :]) or "this console did nothing yet",
                layout=False,
            )

    def toggle(self) -> None:
        self.display = not self.display
        self.show()
