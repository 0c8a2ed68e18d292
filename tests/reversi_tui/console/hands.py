"""The keys that a job takes in a real terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.reversi_tui.console.tmux import Tmux

MOST_KEYS = 12
"""No job may take more."""


class Hands:
    """Presses keys, and counts them; a typed text counts as one."""

    def __init__(self, terminal: Tmux) -> None:
        self.terminal, self.count = terminal, 0

    def press(self, *keys: str) -> None:
        self.count += len(keys)
        self.terminal.press(*keys)

    def type(self, text: str) -> None:
        self.count += 1
        self.terminal.type(text)


def names(lines: Sequence[str]) -> list[str]:
    """The node of each row, of nodes called as in `basel-3`."""
    return [found[1] for line in lines if (found := re.match(r"\W{1,2}([a-z]+-\d) ", line))]
