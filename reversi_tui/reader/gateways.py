"""Reads the rows of the other gateways of a fleet, and finds for each forward which one counts."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import replace

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.control.background import Background
from checker.control.fleet_rows import look, others, own_id, own_paths
from checker.control.past_sums import Past, PastSums, Source, at_all
from checker.model import Tunnel, Unregistered, by_place, hour_at
from checker.model.gateway_id import GatewayId
from checker.rows.fleet_uptimes import up_for_s
from checker.rows.gateways import GatewayView, seen_among
from checker.rows.row import Key, Known, Whereabouts
from checker.state.errors import StateError
from checker.state.mirrors import mirror_path
from checker.state.store import StateFile, open_reader
from reversi_tui.reader.identity import file_identity
from reversi_tui.reader.news import is_news

LOOK_EVERY_S = 5.0
"""Between looks for further mirrors, and at rows of which time alone may decide."""
RETRY_EVERY_S = 1.0


class Mirror:
    """What one other gateway saw. If its file is missing or damaged, the rows stay."""

    def __init__(self, layout: Layout, id_: GatewayId) -> None:
        self.path = mirror_path(layout, id_)
        self.id = id_
        self.view = GatewayView(id=id_, every_s=0.0)
        self.tunnels: dict[Key, Tunnel] = {}
        self.unregistered: dict[Key, Unregistered] = {}
        self.background = Background(has_sums=False)
        self.sums = PastSums()
        self.shown_as = False, 0.0
        """Whether it was unreachable, and how far its clock was ahead, as its rows are shown."""
        self.state: StateFile | None = None
        self.identity: tuple[int, int, bool] | None = None
        self.token, self.revision = -1, 0
        self.next_open = 0.0

    def poll(self, now: float) -> tuple[set[Key], set[Key]]:
        """Read what changed: the rows with news, and those that were only probed again."""
        if self.state is None and time.monotonic() < self.next_open:
            return self.with_silence(set(), now), set()
        try:
            loud, quiet = self.read(now)
            self.view = replace(self.view, trouble="")
        except StateError as error:
            self.close()
            self.next_open = time.monotonic() + RETRY_EVERY_S
            self.view = replace(self.view, trouble=str(error))
            loud, quiet = set(), set()
        return self.with_silence(loud, now), quiet

    def with_silence(self, loud: set[Key], now: float) -> set[Key]:
        """The same, with all rows if the gateway became unreachable, or was heard again, or if its
        clock was set.
        """
        before, self.shown_as = self.shown_as, (self.view.is_cut_off(now), self.view.ahead_s)
        return loud if self.shown_as == before else {*loud, *self.tunnels}

    def read(self, now: float) -> tuple[set[Key], set[Key]]:
        """Raises StateError."""
        identity = file_identity(self.path)
        if self.state is None or identity != self.identity:
            self.close()
            self.state = open_reader(self.path)
            self.identity, self.token, self.revision = identity, -1, 0
            self.background.start_again()
            self.sums.start_again()
        token = self.state.changed_token()
        if token == self.token:
            return set(), set()
        before_s = self.view.every_s
        view = look(self.id, self.state, self.state.last_sweep(), self.view.ahead_s)
        self.view, there = view, now + view.ahead_s
        if view.every_s != before_s:
            self.revision = 0  # all rows are due after another time
        found = self.state.tunnels(since_revision=self.revision, least_due_s=view.every_s)
        changed, before = by_place(found), self.tunnels
        gone = before.keys() - changed.keys() if not self.revision else set[Key]()
        loud = {
            key
            for key, seen in changed.items()
            if is_news(before.get(key), seen, view.every_s, there)
        }
        if self.revision:
            self.tunnels.update(changed)
        else:
            self.tunnels = changed
        self.revision = max((seen.revision for seen in found), default=self.revision)
        self.unregistered = {(one.node, one.port): one for one in self.state.unregistered()}
        self.token = token
        return loud | gone, changed.keys() - loud

    def source(self, key: Key, now: float, *, has_row: bool) -> Source:
        """The hours and days of a forward."""
        seen = None if self.view.is_cut_off(now) else self.tunnels.get(key)
        return Source(self.sums, up_for_s(seen, now + self.view.ahead_s), has_row=has_row)

    def poll_background(self, now: float, where: Mapping[Key, Whereabouts]) -> set[Key]:
        """Read what else is known, if it is time; the rows for which it changed. `where`: of all
        rows.
        """
        changed, state = set[Key](), self.state
        if state is None:
            return changed
        try:
            if self.background.is_due(now):
                keys = [key for key, each in where.items() if each.gateway == self.id]
                changed |= self.background.poll(state, now, keys)
            if self.sums.is_due(now):
                self.sums.poll(state, now)
        except StateError as error:
            self.view = replace(self.view, trouble=str(error))
        return changed

    def close(self) -> None:
        if self.state is not None:
            self.state.close()
        self.state = None


class Gateways:
    """The other gateways, as far as there are mirrors. Only the reading thread changes it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.own: GatewayView | None = None
        """This gateway; None: it is in no fleet, or has heard of no other."""
        self.mirrors: dict[GatewayId, Mirror] = {}
        self.where: dict[Key, Whereabouts] = {}
        """As each row was last reported."""
        self.trouble = ""
        self.next_look = 0.0
        self.sums = PastSums()
        """Of this gateway."""
        self.past: dict[Key, Past] = {}
        """Put together from all gateways, until one of them says more."""
        self.hour = 0
        """Up to which this goes."""
        self.summed: StateFile | None = None
        """The file that those are from."""

    def poll(
        self, here: Mapping[Key, Tunnel], every_s: float, now: float
    ) -> tuple[set[Key], set[Key]]:
        """Read what changed: the rows with news, and those that were only probed again. `here`: the
        rows of this gateway, which sweeps every `every_s`.
        """
        loud, quiet = set[Key](), set[Key]()
        if time.monotonic() >= self.next_look:
            self.next_look = time.monotonic() + LOOK_EVERY_S
            loud |= self.look_for_mirrors(here, every_s)
            self.look_for_paths()
            loud |= self.moved(here, now)
        if self.own is None:
            return loud, quiet
        self.own = self.own if self.own.every_s == every_s else replace(self.own, every_s=every_s)
        for mirror in self.mirrors.values():
            news, others_ = mirror.poll(now)
            loud |= news
            quiet |= others_
        for key in loud & self.past.keys():
            del self.past[key]
        return loud, quiet - loud

    def look_for_mirrors(self, here: Mapping[Key, Tunnel], every_s: float) -> set[Key]:
        """Begin to read further mirrors; this gateway's rows, if it has just joined a fleet."""
        try:
            own, self.trouble = own_id(self.layout), ""
        except ConfigError as error:
            self.trouble = str(error)
            return set()
        if own is None:
            return self.leave()
        for id_ in others(self.layout, own):
            if id_ not in self.mirrors:
                self.mirrors[id_] = Mirror(self.layout, id_)
        if self.own is not None:
            return set()
        self.own = GatewayView(id=own, is_here=True, every_s=every_s)
        return set(here)

    def look_for_paths(self) -> None:
        """Read which of this gateway's connections are of nodes with two tunnels."""
        if self.own is not None:
            self.own = replace(self.own, paths=own_paths(self.layout))

    def leave(self) -> set[Key]:
        """Show only this gateway's rows from now on; those that were another's."""
        changed = set(self.where)
        self.close()
        self.own, self.where, self.summed = None, {}, None
        self.mirrors.clear()
        return changed

    def moved(self, here: Mapping[Key, Tunnel], now: float) -> set[Key]:
        """The rows that several gateways hold, or should, if another one counts by now."""
        several = [(key, where) for key, where in self.where.items() if where.also or where.lacks]
        return {key for key, where in several if self.find(key, here.get(key), now)[1] != where}

    def find(
        self, key: Key, here: Tunnel | None, now: float
    ) -> tuple[Tunnel | None, Whereabouts | None]:
        """What was seen of a forward, and where; `here`: by this gateway."""
        if self.own is None:
            return here, None
        found = [] if here is None else [(self.own, here)]
        for mirror in self.mirrors.values():
            seen = mirror.tunnels.get(key)
            if seen is not None:
                found.append((mirror.view, seen))
        return seen_among(found, now) if found else (None, None)

    def place(
        self, key: Key, here: Tunnel | None, now: float
    ) -> tuple[Tunnel | None, Whereabouts | None]:
        """The same, for a row that is about to be reported."""
        seen, where = self.find(key, here, now)
        if where is not None:
            self.where[key] = where
        return seen, where

    def holder(self, key: Key) -> Mirror | None:
        """The other gateway that a row is from; None: it is this gateway's."""
        where = self.where.get(key)
        return None if where is None else self.mirrors.get(GatewayId(where.gateway))

    def known(self, key: Key) -> Known | None:
        """What else is known about the row of another gateway; None: it is this one's."""
        mirror = self.holder(key)
        return None if mirror is None else mirror.background.known(key)

    def with_past(self, key: Key, known: Known, now: float) -> Known:
        """The same, with how much of the time the forward was up at all gateways."""
        hour = hour_at(now)
        if hour != self.hour:
            self.hour = hour
            self.past.clear()
        past = self.past.get(key)
        if past is None:
            past = self.past[key] = self.past_of(key, now)
        return past.into(known)

    def past_of(self, key: Key, now: float) -> Past:
        holder, mirrors = self.holder(key), self.mirrors.values()
        sources = [
            Source(self.sums, has_row=holder is None),
            *(one.source(key, now, has_row=one is holder) for one in mirrors),
        ]
        return at_all(key, sources, self.hour)

    def poll_background(self, here: StateFile | None, now: float) -> set[Key]:
        """Read what else is known, if it is time; the rows for which it changed. `here`: the state
        file of this gateway, if it can be read. Raises StateError.
        """
        changed = set[Key]()
        for mirror in self.mirrors.values():
            changed |= mirror.poll_background(now, self.where)
        if here is not self.summed:
            self.summed = here
            self.sums.start_again()
        if here is not None and self.mirrors and self.sums.is_due(now):
            self.sums.poll(here, now)
        every = [self.sums, *(mirror.sums for mirror in self.mirrors.values())]
        if not any(one.waiting for one in every):
            changed = changed.union(*(one.take_changed() for one in every))
            for key in changed & self.past.keys():
                del self.past[key]
        return changed & self.where.keys()

    def stranger(self, key: Key) -> Unregistered | None:
        """The device at another gateway that is not in the registry; None if unknown."""
        found = (mirror.unregistered.get(key) for mirror in self.mirrors.values())
        return next((one for one in found if one is not None), None)

    @property
    def strangers(self) -> Collection[Key]:
        return {key for mirror in self.mirrors.values() for key in mirror.unregistered}

    def silent(self, now: float) -> tuple[GatewayView, ...]:
        """The gateways that are unreachable."""
        return tuple(one.view for one in self.mirrors.values() if one.view.is_cut_off(now))

    @property
    def troubles(self) -> list[str]:
        """Why mirrors, or the settings, cannot be read."""
        found = [
            f"{one.id}: {one.view.trouble}" for one in self.mirrors.values() if one.view.trouble
        ]
        return [*found, *([self.trouble] if self.trouble else [])]

    def close(self) -> None:
        for mirror in self.mirrors.values():
            mirror.close()
