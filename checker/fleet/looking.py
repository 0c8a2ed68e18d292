"""Read from this gateway's state file what changed since the last look."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from checker.config.files import identity_of
from checker.fleet.past import MOST_EVENTS
from checker.model import Event, NodeName, Place, Port, Registration, Tunnel, Unregistered
from checker.model.sums import Period, Sum
from checker.state.errors import StateMissing
from checker.state.event_query import Wanted
from checker.state.rows import Sweep
from checker.state.store import StateFile, open_reader
from checker.state.sums import read_marks, read_sums

OTHERS_EVERY_S = 5.0
"""Between two looks at connections and devices, which have no revision."""
COUNT = "SELECT count(*) FROM tunnel"
PLACES = "SELECT node, port FROM tunnel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look found."""

    is_anew: bool = False
    """Whether it is another file than before."""
    tunnels: Sequence[Tunnel] = ()
    """Written since the last look."""
    places: Collection[Place] | None = None
    """All that are left; None: none was lost."""
    registrations: Sequence[Registration] | None = None
    """All of them; None: they were not read."""
    unregistered: Sequence[Unregistered] | None = None
    events: Sequence[Event] = ()
    """New ones, oldest first."""
    revision: int = 0
    last_event: int = 0
    sweep: Sweep | None = None


class Looking:
    """Looks at one state file again and again; a file that is exchanged or damaged is opened again.

    Not safe to use from several threads at once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state: StateFile | None = None
        self.stamp: tuple[int, int] | None = None
        self.token: int | None = None
        self.revision = 0
        self.last_event = 0
        self.places: set[Place] = set()
        """Of all tunnels, as far as we know."""
        self.others_at = float("-inf")
        self.sweep: Sweep | None = None

    def close(self) -> None:
        if self.state is not None:
            self.state.close()
        self.state = None

    def look(self, now: float) -> Look:
        """Read what changed. `now` must not jump. Raises StateError."""
        is_anew = self.reopen()
        state = self.state
        if state is None:
            return self.nothing(is_anew=is_anew)
        token = state.changed_token()
        if token == self.token:
            return self.nothing(is_anew=is_anew)
        found = self.changes(state, now, is_anew=is_anew)
        # while connections or events wait to be read, the file counts as changed
        is_done = found.registrations is not None and len(found.events) < MOST_EVENTS
        self.token = token if is_done else None
        return found

    def nothing(self, *, is_anew: bool) -> Look:
        return Look(
            is_anew=is_anew,
            revision=self.revision,
            last_event=self.last_event,
            sweep=self.sweep,
        )

    def reopen(self) -> bool:
        """Open the file if it is another one than before; return whether it is."""
        stamp = identity_of(self.path)
        if stamp == self.stamp and (self.state is not None or stamp is None):
            return False
        was_open = self.state is not None
        self.close()
        self.stamp, self.token, self.revision, self.places = stamp, None, 0, set()
        self.others_at, self.sweep = float("-inf"), None
        with contextlib.suppress(StateMissing):
            self.state = open_reader(self.path)
            self.last_event = self.state.last_event_id()
        return was_open or self.state is not None

    def changes(self, state: StateFile, now: float, *, is_anew: bool) -> Look:
        tunnels = state.tunnels(since_revision=self.revision)
        self.places.update((one.node, one.port) for one in tunnels)
        places = self.places_left(state)
        is_due = now - self.others_at >= OTHERS_EVERY_S
        if is_due:
            self.others_at = now
        events = tuple(islice(state.wanted_events(Wanted(after=self.last_event)), MOST_EVENTS))
        self.revision = max((one.revision for one in tunnels), default=self.revision)
        self.last_event = events[-1].id if events else self.last_event
        self.sweep = state.last_sweep()
        return Look(
            is_anew=is_anew,
            tunnels=tunnels,
            places=places,
            registrations=state.registrations() if is_due else None,
            unregistered=state.unregistered() if is_due else None,
            events=events,
            revision=self.revision,
            last_event=self.last_event,
            sweep=self.sweep,
        )

    def places_left(self, state: StateFile) -> set[Place] | None:
        """Return the places of all tunnels if some are gone; None: none is."""
        with state.using() as db:
            (count,) = db.execute(COUNT).fetchone()
            if count == len(self.places):
                return None
            rows = db.execute(PLACES).fetchall()
        self.places = {(NodeName(row["node"]), Port(row["port"])) for row in rows}
        return self.places

    def past(self, since: int, limit: int) -> tuple[Event, ...]:
        """Return events after this id, oldest first. Raises StateError."""
        with self.reader() as state:
            events = () if state is None else state.wanted_events(Wanted(after=since))
            return tuple(islice(events, limit))

    def marks(self, hour: int, day: str) -> dict[Period, str]:
        """Return the marks of all sums from this hour and day on. Raises StateError."""
        with self.reader() as state:
            if state is None:
                return {}
            with state.using() as db:
                return read_marks(db, hour, day)

    def sums(self, period: Period, after: tuple[str, int], limit: int) -> list[Sum]:
        """Return sums of a period after this place. Raises StateError."""
        with self.reader() as state:
            if state is None:
                return []
            with state.using() as db:
                return read_sums(db, period, after, limit)

    @contextlib.contextmanager
    def reader(self) -> Iterator[StateFile | None]:
        """Open the file for the block, in any thread; None if it is missing. Raises StateError."""
        try:
            found = open_reader(self.path)
        except StateMissing:
            yield None
            return
        with contextlib.closing(found):
            yield found
