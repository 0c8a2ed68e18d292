"""Forwards that are down: whether they were up before."""

from __future__ import annotations

import contextlib

from checker.model import Tunnel
from checker.rows.row import Key
from checker.state.errors import StateError
from checker.state.last_seen import was_up
from checker.state.store import StateFile
from reversi_tui.reader.news import is_lost


class Lost:
    """Only the reading thread uses it."""

    def __init__(self) -> None:
        self.never: set[Key] = set()
        """Forwards that are down and never were up."""
        self.once: set[Key] = set()
        """Forwards that are down and were up before."""

    def was_up(self, key: Key, seen: Tunnel, state: StateFile | None) -> bool:
        """Whether a forward that is down was up before; asked once for as long as it is down.
        `state`: None if nobody can be asked yet.
        """
        if not is_lost(seen) or seen.checked_at is not None:
            self.never.discard(key)
            self.once.discard(key)
            return True
        if state is None or key in self.once:
            return key not in self.never
        if key not in self.never:
            with contextlib.suppress(StateError), state.using() as db:
                (self.once if was_up(db, *key) else self.never).add(key)
        return key not in self.never
