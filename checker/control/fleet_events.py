"""The events of all gateways of a fleet in one log: this one's state file, and the mirrors."""

from __future__ import annotations

import contextlib
import heapq
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from checker.config.layout import Layout
from checker.control.fleet_rows import others, own_id
from checker.model.gateway_id import GatewayId
from checker.rows.event_lines import Line, in_order, mark_of
from checker.state.errors import StateError, StateMissing
from checker.state.event_query import Wanted
from checker.state.mirrors import mirror_path
from checker.state.store import StateFile, open_reader


def fleet_log(layout: Layout, look_every_s: float) -> FleetLog | None:
    """Return the log of all gateways; None: this one is in no fleet. Raises ConfigError."""
    own = own_id(layout)
    return None if own is None else FleetLog(layout=layout, own=own, look_every_s=look_every_s)


@dataclass(slots=True)
class Tail:
    """The end of one gateway's events, which stays whatever file takes the place of its own."""

    gateway: GatewayId
    path: Path
    after: int = 0
    """The id of the newest event that was read."""
    last_at: float = 0.0
    """Its time: a mirror that is filled again has old events, too."""

    is_here: bool = False

    def lines(self, wanted: Wanted) -> Iterator[Line]:
        """Yield what came since the last time; nothing of a mirror that cannot be read now. Raises
        StateError.
        """
        try:
            state = open_reader(self.path)
        except StateMissing:
            return
        except StateError:
            if self.is_here:
                raise
            return
        with contextlib.closing(state):
            yield from self.lines_of(state, replace(wanted, gateway=self.gateway))

    def lines_of(self, state: StateFile, wanted: Wanted) -> Iterator[Line]:
        """Raises StateError."""
        newest = state.last_event_id()
        if newest == self.after:
            return
        if newest < self.after:  # another file, which may have all events again
            self.after = 0
            wanted = replace(wanted, since=max(self.last_at, wanted.since or 0.0))
        for event in state.wanted_events(replace(wanted, after=self.after)):
            self.after = max(self.after, event.id)
            self.last_at = max(self.last_at, event.at)
            yield event, self.gateway
        self.after = max(self.after, newest)


@dataclass(slots=True, kw_only=True)
class FleetLog:
    """The events of all gateways of which there is a file here."""

    layout: Layout
    own: GatewayId
    look_every_s: float
    tails: dict[GatewayId, Tail] = field(default_factory=dict)

    def look(self) -> Iterable[Tail]:
        """Look for files of further gateways."""
        if self.own not in self.tails:
            self.tails[self.own] = Tail(self.own, self.layout.state, is_here=True)
        for id_ in others(self.layout, self.own):
            if id_ not in self.tails:
                self.tails[id_] = Tail(id_, mirror_path(self.layout, id_))
        return self.tails.values()

    def past(self, wanted: Wanted) -> Iterator[Line]:
        """The wanted events, oldest first. Raises StateError."""
        self.tails.clear()
        found = heapq.merge(*(tail.lines(wanted) for tail in self.look()), key=mark_of)
        yield from found if wanted.limit is None else list(found)[-wanted.limit :]

    def followed(self, lines: Iterable[Line], wanted: Wanted) -> Iterator[Line]:
        """These lines, then each new one, without end. Raises StateError."""
        yield from lines
        ahead = replace(wanted, limit=None)
        while True:
            found = in_order(line for tail in self.look() for line in tail.lines(ahead))
            yield from found
            if not found:
                time.sleep(self.look_every_s)
