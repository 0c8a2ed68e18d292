"""The Textual app: it starts the reader, shows the main screen, and ends with the terminal."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from reversi_tui.messages import Reported
from reversi_tui.screens.main import Main
from reversi_tui.setting import Setting
from reversi_tui.source import Source
from reversi_tui.terminal import GRACE_S, HUNG_UP, Watchdog, end_within, is_there, leave
from reversi_tui.threads import detached
from reversi_tui.view import View


class Console(App[None]):
    """The console of one gateway."""

    CSS_PATH = "app.tcss"
    TITLE = "reversi"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "leave", "Quit", id="app.leave", tooltip="Leave the console", show=False, priority=True),
    ]

    def __init__(self, setting: Setting, view: View) -> None:
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.animation_level = "none"
        self.source = Source(setting.layout, setting.ping, now=setting.now)
        self.main = Main(setting, self.source, view)
        self.was_warned = False

    def get_default_screen(self) -> Main:
        return self.main

    def on_mount(self) -> None:
        self.run_worker(self.read(), name="reader")
        if not self.is_headless:
            self.watch_terminal()

    def watch_terminal(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.hung_up)
        loop.add_signal_handler(signal.SIGTERM, self.end, 128 + signal.SIGTERM)
        Watchdog(sys.__stdin__.fileno() if sys.__stdin__ else 0).start()

    async def read(self) -> None:
        await detached(lambda: self.source.run(lambda report: self.main.post_message(Reported(report))), name="reader")

    def on_unmount(self) -> None:
        self.source.stop()

    def hung_up(self) -> None:
        if sys.__stdin__ is None or not is_there(sys.__stdin__.fileno()):
            leave()
        self.end(HUNG_UP)

    def end(self, code: int) -> None:
        end_within(GRACE_S)
        self.exit(return_code=code)

    def action_leave(self) -> None:
        """Leave; where an action is under way, only when asked twice."""
        if self.main.pending and not self.was_warned:
            self.was_warned = True
            self.main.say("an action is still under way and its outcome would not be seen; the same key again leaves")
            return
        self.exit()
