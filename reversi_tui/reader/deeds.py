"""The reader's new events: what is written while the console runs."""

from __future__ import annotations

from checker.model import Event
from checker.state.store import StateFile

MOST = 200
"""Of one look; older ones are passed over."""


class DeedReader:
    """Only the reading thread uses it. What was written before it began is not new."""

    def __init__(self) -> None:
        self.token = -1
        self.seen_id: int | None = None

    def poll(self, state: StateFile, token: int) -> tuple[Event, ...]:
        """The events since the last look; `token` changes with the file. Raises StateError."""
        if token == self.token:
            return ()
        self.token = token
        newest = state.last_event_id()
        before, self.seen_id = self.seen_id, newest
        if before is None or newest <= before:
            return ()
        return state.events(after=before, limit=MOST)
