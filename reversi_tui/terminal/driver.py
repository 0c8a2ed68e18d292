"""Textual's terminal driver, made to survive invalid input."""

from __future__ import annotations

import codecs
from functools import partial

from textual.drivers import linux_driver


def tolerant(name: str) -> partial[codecs.IncrementalDecoder]:
    """A decoder that replaces invalid bytes, such as keys of a terminal with another character
    set. Source: https://github.com/Textualize/textual/issues/6456.
    """
    return partial(codecs.getincrementaldecoder(name), errors="replace")


linux_driver.getincrementaldecoder = tolerant  # type: ignore[attr-defined, assignment] # the strict one ends the input thread


class Driver(linux_driver.LinuxDriver):
    """If its input thread fails, Textual prints a traceback and exits with status 0; this one ends
    the app with the error.

    It overrides private parts of Textual 8.2; tests/reversi_tui/test_textual.py fails if they
    change. Source: textual/drivers/linux_driver.py, LinuxDriver._run_input_thread.
    """

    def _run_input_thread(self) -> None:
        while not self.exit_event.is_set():
            try:
                self.run_input_thread()
            except (ValueError, OverflowError):
                continue  # Textual's parser calls chr() with a key's number that is not a character
            except Exception as error:  # noqa: BLE001 - passed on, to end the app in order
                self._app.call_later(self._app._handle_exception, error)  # noqa: SLF001 - there is no public way
                return
