"""The reader's other gateways: nothing, until there are any."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from checker.config.layout import Layout, has_mirrors
from checker.model import Tunnel, Unregistered
from checker.rows.row import Key, Known, Whereabouts
from checker.state.store import StateFile

if TYPE_CHECKING:
    from checker.rows.gateways import GatewayView
    from reversi_tui.reader.gateways import Gateways, Mirror

LOOK_EVERY_S = 5.0


class Fleet:
    """Only the reading thread uses it, except `holder`. Without a fleet it imports nothing."""

    def __init__(self, layout: Layout, *, only_here: bool) -> None:
        self.layout, self.only_here = layout, only_here
        self.gateways: Gateways | None = None
        self.quiet: set[Key] = set()
        """Rows that were probed again, since the last call of `take_quiet`."""
        self.next_look = 0.0

    def poll(self, here: Mapping[Key, Tunnel], every_s: float, now: float) -> set[Key]:
        """The rows of which other gateways have news. `here`: the rows of this one, which sweeps
        every `every_s`.
        """
        if self.gateways is None:
            if self.only_here or time.monotonic() < self.next_look:
                return set()
            self.next_look = time.monotonic() + LOOK_EVERY_S
            if not has_mirrors(self.layout):
                return set()
            from reversi_tui.reader.gateways import Gateways  # only a fleet needs it

            self.gateways = Gateways(self.layout)
        loud, quiet = self.gateways.poll(here, every_s, now)
        self.quiet |= quiet
        return loud

    def take_quiet(self) -> set[Key]:
        found, self.quiet = self.quiet, set()
        return found

    def place(
        self, key: Key, here: Tunnel | None, now: float
    ) -> tuple[Tunnel | None, Whereabouts | None]:
        """What was seen of a forward, and where; `here`: by this gateway."""
        return (here, None) if self.gateways is None else self.gateways.place(key, here, now)

    def known(self, key: Key) -> Known | None:
        """What else is known about the row of another gateway; None: it is this one's."""
        return None if self.gateways is None else self.gateways.known(key)

    def holder(self, key: Key) -> Mirror | None:
        """The other gateway that a row is from; None: it is this one's."""
        return None if self.gateways is None else self.gateways.holder(key)

    def stranger(self, key: Key) -> Unregistered | None:
        """The device at another gateway that is not in the registry; None if unknown."""
        return None if self.gateways is None else self.gateways.stranger(key)

    @property
    def strangers(self) -> Collection[Key]:
        return () if self.gateways is None else self.gateways.strangers

    def poll_background(self, state: StateFile | None, now: float) -> set[Key]:
        """Read what else is known, if it is time; the rows for which it changed. `state`: the file
        of this gateway. Raises StateError.
        """
        return set() if self.gateways is None else self.gateways.poll_background(state, now)

    def with_past(self, key: Key, known: Known, now: float) -> Known:
        """The same, with how much of the time the forward was up at all gateways."""
        return known if self.gateways is None else self.gateways.with_past(key, known, now)

    @property
    def paths(self) -> Sequence[Path]:
        """The mirrors of the other gateways."""
        gateways = self.gateways
        return () if gateways is None else [one.path for one in gateways.mirrors.values()]

    @property
    def own(self) -> str:
        """The ID of this gateway; empty: it is in no fleet, or has heard of no other."""
        gateways = self.gateways
        return "" if gateways is None or gateways.own is None else gateways.own.id

    def silent(self, now: float) -> tuple[GatewayView, ...]:
        """The gateways that are unreachable."""
        return () if self.gateways is None else self.gateways.silent(now)

    @property
    def troubles(self) -> list[str]:
        """Why something of theirs cannot be read."""
        return [] if self.gateways is None else self.gateways.troubles

    def close(self) -> None:
        if self.gateways is not None:
            self.gateways.close()
