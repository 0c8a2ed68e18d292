"""The Textual app: starts the reader, shows the main screen, and ends with the terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import ClassVar

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.worker import WorkerFailed

from checker.model import NodeName
from checker.rows.row import NO_PORT
from reversi_tui.actions.offers import Offer, of_actions
from reversi_tui.actions.table import WITHOUT_KEY
from reversi_tui.dependencies import Dependencies
from reversi_tui.messages import Reported
from reversi_tui.reader.source import Source
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.event_log import EventLog
from reversi_tui.screens.finder import Finder
from reversi_tui.screens.going import go_to
from reversi_tui.screens.main import Main
from reversi_tui.screens.uptime import Uptime
from reversi_tui.settings.presets import all_keys
from reversi_tui.terminal.chords import Chords
from reversi_tui.terminal.driver import Driver
from reversi_tui.terminal.environment import (
    FEW_COLOURS,
    GRACE_S,
    HUNG_UP,
    Watchdog,
    draws_ascii_only,
    end_within,
    is_there,
    leave,
)
from reversi_tui.terminal.key_queue import KeyQueue
from reversi_tui.terminal.threads import detached
from reversi_tui.widgets.looks import Looks, WholeCells
from reversi_tui.widgets.themes import THEMES, theme_name

BOUND_HERE = ("command.", "views.")
"""Beginnings of the ids of actions that differ from one operator to another."""
QUITTING = (
    "What was begun goes on, but you will not see its outcome; what was not begun is not done."
)


class Console(App[None]):
    """The console of one gateway."""

    CSS_PATH = "app.tcss"
    TITLE = "reversi"
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+c,ctrl+q",
            "leave",
            "Quit",
            id="app.leave",
            tooltip="Leave the console",
            show=False,
            priority=True,
        ),
    ]

    def __init__(self, dependencies: Dependencies) -> None:
        colourless = bool(os.environ.get("NO_COLOR"))
        # Textual looks once, before there is a theme, how to take colours away
        super().__init__(driver_class=Driver, ansi_color=colourless or None)
        for theme in THEMES:
            self.register_theme(theme)
        self.animation_level = "none"
        self.dependencies = dependencies
        self.looks = Looks(
            dependencies.preferences.theme,
            ascii_only=draws_ascii_only(os.environ),
            colourless=colourless,
            few_colours=os.environ.get("TEXTUAL_COLOR_SYSTEM") == FEW_COLOURS,
        )
        ScrollBar.renderer = WholeCells if self.looks.ascii_only else ScrollBarRender
        self.source = Source(dependencies)
        self.main = Main(dependencies, self.source, self.looks)
        self.key_queue = KeyQueue(self, self.deliver, Confirm)
        self.failure: BaseException | None = None
        """The uncaught exception that ended the console; its caller reports it."""
        wanted = dependencies.preferences
        keys = all_keys(wanted.preset, wanted.keys)
        self.set_keymap(keys)
        self.chords = Chords(key for each in keys.values() for key in each.split(","))
        self.dress()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self.key_queue.take(event)
        else:
            await super().on_event(event)

    async def deliver(self, typed: events.Key | events.Paste) -> None:
        """Give a key to whatever has the focus."""
        if isinstance(typed, events.Key):
            key = self.chords.took(typed.key, lambda chord: chord in self.screen.active_bindings)
            if not key:
                return
            typed = typed if key == typed.key else events.Key(key, None)
        else:
            self.chords.forget()
        self.main.key_came(typed)
        await super().on_event(typed)

    def _handle_exception(self, error: Exception) -> None:
        self.failure = self.failure or (error.error if isinstance(error, WorkerFailed) else error)
        super()._handle_exception(error)

    def _print_error_renderables(self) -> None:
        """Print nothing: Textual would print a page with the value of each variable."""
        self._exit_renderables.clear()

    def get_default_screen(self) -> Main:
        return self.main

    def dress(self) -> None:
        """Apply the theme in use."""
        self.theme = theme_name(self.looks.palette.name)
        self.set_class(self.looks.palette.name == "mono", "-mono")
        self.set_class(bool(self.looks.palette.background), "-painted")
        self.set_class(self.looks.ascii_only, "-ascii")

    def on_dressed(self) -> None:
        self.dress()

    def action_command_palette(self) -> None:
        """Open the palette, unless a dialog is open: its actions are for the table."""
        desk = self.main.desk
        if self.screen is self.main:
            offers = of_actions(desk.actions, desk.off)
            _ = self.push_screen(Finder(offers, desk.view.by_node, self.looks), self.found)

    async def found(self, offer: Offer | None) -> None:
        """Do what was chosen in the palette, or go to the node."""
        desk = self.main.desk
        if offer is None:
            return
        if offer.is_node:
            name = NodeName(offer.id)
            keys = desk.view.by_node.get(name, ())
            go_to(desk, self.main.table_view, min(keys, default=(name, NO_PORT)))
        else:
            call = desk.action(offer.id).call
            self.main.run_worker(self.main.run_action(call))

    def on_mount(self) -> None:
        for action in self.main.desk.actions:
            if action.key and (action.id.startswith(BOUND_HERE) or action.id in WITHOUT_KEY):
                self.bind(
                    action.key, f"on_main({action.call!r})", description=action.title, show=False
                )
        self.run_worker(self.read(), name="reader")
        self.run_worker(self.key_queue.run(), name="keys")
        if not self.is_headless:
            self.watch_terminal()

    def action_help(self) -> None:
        """Show the help of the table, or of the screen that covers it."""
        covering = isinstance(self.screen, EventLog | Uptime)
        self.main.table_view.help(self.screen if covering else None)

    async def action_on_main(self, call: str) -> None:
        """Run an action of the main screen, if that is the one in front."""
        if self.screen is self.main:
            await self.main.run_action(call)

    def watch_terminal(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.hung_up)
        loop.add_signal_handler(signal.SIGTERM, self.end, 128 + signal.SIGTERM)
        Watchdog(sys.__stdin__.fileno() if sys.__stdin__ else 0).start()

    async def read(self) -> None:
        await detached(
            lambda: self.source.run(lambda report: self.main.post_message(Reported(report))),
            name="reader",
        )

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
        """Quit; while an action is under way, ask. The same key again answers yes."""
        is_acting = any(
            worker.group == "acts" and not worker.is_finished for worker in self.workers
        )
        if not is_acting or isinstance(self.screen, Quitting):
            self.exit()
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.exit()

        text = "\n\n".join(filter(None, (self.main.acting.text(), QUITTING)))
        _ = self.push_screen(
            Quitting("Quit while an action is under way?", text, yes="quit"), answered
        )


class Quitting(Confirm):
    """The question before the console is left while it is at work."""
