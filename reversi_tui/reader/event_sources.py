"""The files that the event log is read from: this gateway's, and in a fleet the mirrors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from checker.config.layout import Layout, has_mirrors
from checker.config.toml_file import ConfigError
from checker.control.event_pages import EventPages, no_stop
from checker.rows.event_filter import Around
from checker.rows.terms import Filter
from checker.state.errors import StateError, StateMissing
from checker.state.store import StateFile, open_reader
from reversi_tui.reader.identity import file_identity

LOOK_EVERY_S = 5.0
"""Between looks for further mirrors."""


class EventSource:
    """One gateway's file. Only one thread uses it."""

    def __init__(self, path: Path, gateway: str = "") -> None:
        self.path, self.gateway = path, gateway
        self.state: StateFile | None = None
        self.identity: tuple[int, int, bool] | None = None
        self.seen_id = 0
        """The newest id that was looked at."""
        self.token = -1

    def reopen(self) -> bool:
        """Open the file if it is not open; whether it is another one than before. Raises
        StateError.
        """
        identity = file_identity(self.path)
        if self.state is not None and identity == self.identity:
            return False
        self.close()
        self.state = open_reader(self.path)
        before, self.identity, self.token = self.identity, identity, -1
        return before is not None and before[:2] != identity[:2]

    def pages(
        self, text: Filter, around: Around, is_over: Callable[[], bool] = no_stop
    ) -> EventPages:
        """The open file's pages. Raises StateError."""
        assert self.state is not None
        around = replace(around, gateway=self.gateway)
        if not self.gateway:
            return EventPages(self.state, text, around, is_over)
        from checker.control.timed_pages import TimedPages  # only a fleet needs it

        return TimedPages(self.state, text, around, is_over)

    def close(self) -> None:
        if self.state is not None:
            self.state.close()
        self.state = None


class EventSources:
    """Those that can be read now. Without a fleet there is one, and it must be readable."""

    def __init__(self, layout: Layout, *, only_here: bool) -> None:
        self.layout, self.only_here = layout, only_here
        self.all = [EventSource(layout.state)]
        self.without: tuple[str, ...] = ()
        """The gateways whose mirrors cannot be read."""
        self.next_look = 0.0

    @property
    def open(self) -> list[EventSource]:
        return [source for source in self.all if source.state is not None]

    def reopen(self) -> bool:
        """Open what is not open; whether there are other events than before. Raises StateError."""
        is_other = self.look()
        if len(self.all) == 1:
            return self.all[0].reopen() or is_other
        missing = []
        for source in self.all:
            is_here, was_open = source is self.all[0], source.state is not None
            try:
                is_other |= source.reopen() or not was_open
            except StateError as error:
                source.close()
                is_other |= was_open
                if not is_here:
                    missing.append(source.gateway)
                elif not isinstance(error, StateMissing):  # a machine that only watches has none
                    raise
        self.without = tuple(missing)
        return is_other

    def look(self) -> bool:
        """Look for mirrors; whether other gateways are shown than before."""
        if self.only_here or time.monotonic() < self.next_look:
            return False
        self.next_look = time.monotonic() + LOOK_EVERY_S
        if len(self.all) == 1 and not has_mirrors(self.layout):
            return False
        from checker.control.fleet_rows import state_files  # only a fleet needs it

        try:
            files = state_files(self.layout)
        except ConfigError:
            return False  # the main screen says so
        before, known = self.all, {one.gateway: one for one in self.all}
        wanted: list[tuple[str, Path]] = [*files.items()] or [("", self.layout.state)]
        self.all = [known.get(id_) or EventSource(path, id_) for id_, path in wanted]
        for one in before:
            if one not in self.all:
                one.close()
        return before != self.all

    def close(self) -> None:
        for source in self.all:
            source.close()
