"""What comes from the terminal: Textual's driver, made to outlive what no terminal should send."""

from __future__ import annotations

import codecs
from functools import partial

from textual.drivers import linux_driver


def tolerant(name: str) -> partial[codecs.IncrementalDecoder]:
    """A decoder that goes on behind bytes that it can not read: keys of a terminal with another
    character set.
    """
    return partial(codecs.getincrementaldecoder(name), errors="replace")


linux_driver.getincrementaldecoder = tolerant  # type: ignore[attr-defined, assignment] # the strict one ends the console


class Driver(linux_driver.LinuxDriver):
    """Of what goes wrong in its thread Textual would print the traceback, and leave as if all were
    well.
    """

    def _run_input_thread(self) -> None:
        while not self.exit_event.is_set():
            try:
                self.run_input_thread()
            except (ValueError, OverflowError):
                continue  # a key's number that no character has: Textual's parser asks chr() for it
            except Exception as error:  # noqa: BLE001 - handed over whole, to end the console in order
                self._app.call_later(self._app._handle_exception, error)  # noqa: SLF001 - Textual has no other door for it
                return
