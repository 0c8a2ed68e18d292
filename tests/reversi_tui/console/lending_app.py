"""A small app for test_lent: `s` lends the terminal, `q` quits, other keys are shown."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static

from reversi_tui.terminal import lending
from reversi_tui.terminal.environment import HUNG_UP, Watchdog


class Lending(App[Any]):
    """Ends with its terminal, as the console does."""

    def compose(self) -> ComposeResult:
        yield Static("ready", id="said", markup=False)
        yield Static("keys:", id="keys", markup=False)

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: self.exit(return_code=HUNG_UP))
        loop.add_signal_handler(signal.SIGTERM, lambda: self.exit(return_code=128 + signal.SIGTERM))
        Watchdog(0, every_s=0.2).start()
        self.pressed = ""

    def on_key(self, event: events.Key) -> None:
        if event.key == "q":
            self.exit()
        elif event.key == "s":
            self.query_one("#said", Static).update(lending.run_on_terminal(self, sys.argv[1:]))
        else:
            self.pressed += event.character or "?"
            self.query_one("#keys", Static).update(f"keys:{self.pressed}")


if __name__ == "__main__":
    lending.READ_IT_S = 60.0  # a test presses enter, however slow its machine is
    app = Lending()
    app.run()
    sys.exit(app.return_code or 0)
