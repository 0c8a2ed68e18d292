"""What a rollout says while it runs: a bar on a terminal, else a line for each device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

from checker.output import draw_bar
from client.rollout.course import Came, Result


@dataclass(slots=True)
class Progress:
    """Counts the devices that ended."""

    total: int
    out: TextIO
    done: int = 0

    def started(self, name: str) -> None:
        self.draw(name)

    def ended(self, came: Came) -> None:
        """Count a device; on a terminal only failures get a line."""
        self.done += 1
        clause = f": {came.detail}" if came.detail else ""
        if not self.out.isatty():
            self.line(f"[{self.done}/{self.total}] {came.name} {came.result}{clause}")
        elif came.result is not Result.UPGRADED:
            self.line(f"\r\x1b[K{came.name} {came.result}{clause}")
        self.draw(came.name)

    def line(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    def draw(self, name: str) -> None:
        draw_bar(self.out, self.done, self.total, name)

    def close(self) -> None:
        if self.out.isatty() and self.total:
            self.line("")
