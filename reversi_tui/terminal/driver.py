"""Textual's terminal driver, made to survive invalid input."""

from __future__ import annotations

import codecs
import os
import threading
import time
from selectors import EVENT_READ, PollSelector
from typing import Any

from textual import constants
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver

from reversi_tui.terminal.clipboard import BEL, ESC, UNABLE
from reversi_tui.terminal.environment import COLOURLESS, erases_in_colour
from reversi_tui.terminal.styles import Shortener

KEEP_TITLE, OLD_TITLE = f"{ESC}[22;2t", f"{ESC}[23;2t"
"""Puts the window's title on the terminal's stack, and takes it back from there. Source:
invisible-island.net/xterm/ctlseqs, XTWINOPS.
"""


LOOK_EVERY_S = 0.1
"""Between looks for the end of a sequence: escape may be a key, or the beginning of another one."""
BEGUN_S = constants.ESCAPE_DELAY + 1.0
"""How long after the last byte a sequence may be incomplete."""
MOST_READ = 4096


class Bell(threading.Event):
    """An event that a selector can wait for, too."""

    def __init__(self) -> None:
        super().__init__()
        # never closed: a driver lasts as long as the console, and works again after `close`
        self.handle = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """For the selector; readable once the event is set."""
        return self.handle

    def set(self) -> None:
        super().set()
        os.eventfd_write(self.handle, 1)

    def clear(self) -> None:
        if self.is_set():
            os.eventfd_read(self.handle)
        super().clear()


class Driver(linux_driver.LinuxDriver):
    """If its input thread fails, Textual prints a traceback and exits with status 0; this one ends
    the app with the error. It also keeps the title of the terminal's window while the terminal is
    ours, and gives back the old one.

    It overrides private parts of Textual 8.2; tests/reversi_tui/test_textual.py fails if they
    change. Source: textual/drivers/linux_driver.py, LinuxDriver._run_input_thread.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.exit_event: Bell = Bell()

    def run_input_thread(self) -> None:
        """Take in keys until the input ends. Textual's own looks ten times a second whether it
        must end; this one sleeps while nobody types. It also replaces invalid bytes, such as keys
        of a terminal with another character set. Source:
        https://github.com/Textualize/textual/issues/6456.
        """
        parser = XTermParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        last_at = time.monotonic()
        with PollSelector() as waiting:
            waiting.register(self.fileno, EVENT_READ)
            waiting.register(self.exit_event, EVENT_READ)
            while not self.exit_event.is_set():
                is_begun = time.monotonic() - last_at < BEGUN_S
                ready = waiting.select(LOOK_EVERY_S if is_begun else None)
                if any(key.fd == self.fileno for key, _ in ready):
                    last_at = time.monotonic()
                    typed = decode(os.read(self.fileno, MOST_READ))
                    for message in parser.feed(typed) if typed else ():  # "" would be its end
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)

    def _run_input_thread(self) -> None:
        while not self.exit_event.is_set():
            try:
                self.run_input_thread()
            except (ValueError, OverflowError):
                continue  # Textual's parser calls chr() with a key's number that is not a character
            except Exception as error:  # noqa: BLE001 - passed on, to end the app in order
                self._app.call_later(self._app._handle_exception, error)  # noqa: SLF001 - there is no public way
                return

    def write(self, data: str) -> None:
        is_old = os.environ.get("TERM", "") in COLOURLESS
        super().write(data if is_old else self.styles.shortened(data))

    styles = Shortener()

    title = ""
    """Of the window; empty: the old one."""

    def show_title(self, title: str) -> None:
        """Show a title while the terminal is ours; a terminal that has none shows nothing."""
        if os.environ.get("TERM", "") in UNABLE:
            return
        if not self.title:
            self.write(KEEP_TITLE)
        self.title = title
        self.write(title_sequence(title))

    def start_application_mode(self) -> None:
        self.styles = Shortener(erases=erases_in_colour(os.environ))
        super().start_application_mode()  # type: ignore[no-untyped-call] # of Textual
        title, self.title = self.title, ""
        if title:  # the terminal was lent, and is ours again
            self.show_title(title)

    def stop_application_mode(self) -> None:
        if self.title:
            # a terminal without a stack is left without a title
            self.write(title_sequence("") + OLD_TITLE)
        super().stop_application_mode()


def title_sequence(title: str) -> str:
    """OSC 2. Source: invisible-island.net/xterm/ctlseqs, Operating System Commands."""
    return f"{ESC}]2;{title}{BEL}"
