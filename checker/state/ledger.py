"""What the running checker knows of every tunnel, and when that is written to the state file."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from checker.config.layout import Layout
from checker.linux.processes import is_alive
from checker.model import (
    Event,
    EventKind,
    Flaps,
    Forward,
    Hour,
    NodeName,
    Place,
    Port,
    ProcessId,
    Registration,
    ShownKey,
    Status,
    Tunnel,
    Watched,
    seen_at,
)
from checker.state.ages import Ages, is_material
from checker.state.errors import StateCorrupt, StateError, StateMissing
from checker.state.held_applicants import Applicants
from checker.state.pending import Pending
from checker.state.store import StateFile, open_or_replace, open_reader
from checker.state.unregistered import Sightings

log = logging.getLogger(__name__)
WAITING = "{}; probing goes on, and what is seen waits in memory"
WARNINGS = frozenset(
    {
        EventKind.KILL,
        EventKind.KILL_FAILED,
        EventKind.REFUSED,
        EventKind.CLONE,
        EventKind.HOSTKEY,
    }
)
COMPLAIN_EVERY_S = 600.0
AGES_AT_ONCE = 1000
"""Rows that one transaction writes."""
COMPLAINTS_AT_ONCE = 20
"""Different ones in that time: a trouble that all nodes share must not fill the log."""


class Ledger:
    """Tunnels, flaps and registrations in memory; `flush` writes what changed, `flush_changes` what
    matters of it.

    One per process, used from one event loop.
    """

    def __init__(self, layout: Layout, store: StateFile | None) -> None:
        self.layout = layout
        self.store = store
        self.awaits_store = False
        """There was no room for a state file. We try again; until then facts wait in memory."""
        self.tunnels: dict[Place, Tunnel] = {}
        self.flaps: dict[NodeName, Flaps] = {}
        self.registrations: dict[ProcessId, Registration] = {}
        self.sessions: defaultdict[NodeName, set[ProcessId]] = defaultdict(set)
        """Those of each node; some may have ended."""
        self.shown: dict[Place, ShownKey] = {}
        """The host keys that targets showed when they were last compared."""
        self.pending = Pending()
        self.ages, self.resting = Ages(), Ages()
        """Not written yet, as nothing else changed; in `resting` of forwards that are down."""
        self.sightings = Sightings(self.pending)
        self.applicants = Applicants(self.pending)
        self.complaints: dict[str, float] = {}
        self.store_trouble = ""
        self.replacing = asyncio.Lock()
        self.flushing = asyncio.Lock()

    def load(self, store: StateFile) -> None:
        """Start with what is in the state file; strikes from before a restart do not count."""
        for tunnel in store.tunnels():
            known = replace(tunnel, strikes=0) if tunnel.strikes else tunnel
            self.tunnels[tunnel.node, tunnel.port] = known
        self.flaps = store.flaps()
        self.shown = {(shown.node, shown.port): shown for shown in store.shown_keys()}
        self.sightings.load(store.unregistered())
        self.applicants.load(store.applicants())
        for registration in store.registrations():
            if is_alive(registration.session):
                self.keep(registration)
            else:
                self.pending.ended.append(registration)

    def tunnel(self, forward: Forward) -> Tunnel:
        """What is known of a forward."""
        return seen_at((forward.node, forward.port), self.tunnels)

    def put(self, tunnel: Tunnel) -> None:
        """Keep and write; if nothing that matters changed, with the next batch of ages."""
        place = tunnel.node, tunnel.port
        before, self.tunnels[place] = self.tunnels.get(place), tunnel
        self.ages.tunnels.pop(place, None)
        self.resting.tunnels.pop(place, None)
        if place in self.pending.tunnels or is_material(before, tunnel):
            self.pending.tunnels[place] = tunnel
        else:
            self.ages_of(tunnel).tunnels[place] = tunnel

    def ages_of(self, tunnel: Tunnel) -> Ages:
        """Return where the tunnel's ages wait."""
        return self.resting if tunnel.status is Status.DOWN else self.ages

    def add_time(self, tunnel: Tunnel, lately: Watched, hours: Iterable[Hour]) -> None:
        """Write how long the forward was watched lately."""
        self.ages_of(tunnel).add_time((tunnel.node, tunnel.port), lately, hours)

    def put_shown(self, shown: ShownKey) -> None:
        """Keep and write."""
        place = shown.node, shown.port
        self.shown[place] = self.pending.shown[place] = shown

    def put_flaps(self, node: NodeName, flaps: Flaps) -> None:
        """Keep and write, if it changed."""
        if flaps != self.flaps.get(node, Flaps()):
            self.flaps[node] = self.pending.flaps[node] = flaps

    def register(self, registration: Registration) -> None:
        """Keep and write."""
        self.keep(registration)
        self.pending.registrations.append(registration)

    def keep(self, registration: Registration) -> None:
        """Keep a live connection."""
        self.registrations[registration.session] = registration
        self.sessions[registration.node].add(registration.session)

    async def of_node(self, node: NodeName) -> list[Registration]:
        """Return the node's live connections, oldest first; forget those that ended."""
        known = (self.registrations.get(session) for session in self.sessions.get(node, ()))
        mine = sorted((r for r in known if r and r.node == node), key=lambda r: r.registered_at)
        for registration in await asyncio.to_thread(ended_of, mine):
            # another caller may have removed it meanwhile
            if self.registrations.pop(registration.session, None) is not None:
                self.sessions[node].discard(registration.session)
                self.pending.ended.append(registration)
        return [registration for registration in mine if registration.session in self.registrations]

    def keep_only(self, forwards: Iterable[Forward]) -> None:
        """Forget the tunnels of all other forwards."""
        kept = {(forward.node, forward.port) for forward in forwards}
        for place in [place for place in (*self.tunnels, *self.shown) if place not in kept]:
            self.forget(place)

    def forget(self, place: Place) -> None:
        """Forget one tunnel."""
        self.tunnels.pop(place, None)
        self.shown.pop(place, None)
        self.ages.tunnels.pop(place, None)
        self.resting.tunnels.pop(place, None)
        self.pending.forget(place)

    def rename(self, old: NodeName, new: NodeName) -> None:
        """Keep what is known of a node, and what waits to be written, under its new name."""
        self.take_ages()
        self.pending.rename(old, new)
        for tunnel in [tunnel for tunnel in self.tunnels.values() if tunnel.node == old]:
            del self.tunnels[tunnel.node, tunnel.port]
            self.put(replace(tunnel, node=new))
        for shown in [shown for shown in self.shown.values() if shown.node == old]:
            del self.shown[shown.node, shown.port]
            self.put_shown(replace(shown, node=new))
        self.put_flaps(new, self.flaps.pop(old, Flaps()))
        for session in self.sessions.pop(old, set()):
            if (registration := self.registrations.get(session)) and registration.node == old:
                self.keep(replace(registration, node=new))

    def log_event(
        self,
        kind: EventKind,
        text: str,
        *,
        node: NodeName | None = None,
        port: Port | None = None,
        actor: str = "daemon",
    ) -> None:
        """Log an event."""
        level = logging.WARNING if kind in WARNINGS else logging.INFO
        log.log(level, "[%s %s] %s", node or "-", port or "-", text)
        self.pending.add_events(
            [Event(at=time.time(), kind=kind, text=text, node=node, port=port, actor=actor)]
        )

    def take_ages(self) -> None:
        """Have all ages written next."""
        self.ages.move_to(self.pending)
        self.resting.move_to(self.pending)

    async def flush(self) -> None:
        """Write what changed; replace a damaged state file.

        While the file cannot be written, it is only out of date: the facts wait in memory.
        """
        self.take_ages()
        await self.write()

    async def flush_changes(self) -> None:
        """Do the same, but leave ages for later, unless it is time for a mark of the sweep."""
        if self.pending.sweep is not None:
            self.ages.move_to(self.pending)
        await self.write()

    async def flush_ages(self) -> None:
        """Write all ages, a part at a time: what matters must not wait for 30,000 of them."""
        for ages in (self.ages, self.resting):
            for _ in range(0, len(ages), AGES_AT_ONCE):
                ages.part(AGES_AT_ONCE).move_to(self.pending)
                await self.write()

    async def write(self) -> None:
        async with self.flushing:  # else an older batch could be written over a newer one
            await self.write_pending()

    async def write_pending(self) -> None:
        store = self.store
        if not self.pending or (store is None and self.awaits_store):
            return
        taken = self.pending.take()
        if store is None:
            return
        try:
            await asyncio.to_thread(store.write, taken.batch())
            self.complaints.pop(self.store_trouble, None)  # the next one is news
        except StateCorrupt as error:
            self.pending.merge(taken)
            await self.replace_store(store, str(error))
        except StateError as error:
            self.pending.merge(taken)
            self.store_trouble = WAITING.format(error)
            self.complain(self.store_trouble)

    def complain(self, sentence: str) -> None:
        """Log an error, but not the same one again for a while."""
        now = time.monotonic()
        self.complaints = {
            said: at for said, at in self.complaints.items() if now - at <= COMPLAIN_EVERY_S
        }
        if sentence not in self.complaints and len(self.complaints) < COMPLAINTS_AT_ONCE:
            self.complaints[sentence] = now
            log.error("%s", sentence)

    async def check_store(self) -> None:
        """Begin a new state file if ours was removed, or damaged so that others cannot read it."""
        store = self.store
        if store is None:
            if self.awaits_store:
                await self.reopen()
            return
        try:
            await asyncio.to_thread(check_readable, self.layout.state)
        except (StateCorrupt, StateMissing) as error:
            await self.replace_store(store, str(error))
        except StateError as error:
            self.complain(str(error))

    async def replace_store(self, broken: StateFile, why: str) -> None:
        async with self.replacing:
            if self.store is not broken:
                return  # the other chore that found it was quicker
            self.complain(why)
            await asyncio.to_thread(broken.close)
            await self.reopen()

    async def reopen(self) -> None:
        """Open the state file, or begin a new one, if that is possible by now."""
        try:
            self.store, aside = await asyncio.to_thread(
                open_or_replace, self.layout.state, time.time()
            )
        except (StateError, OSError) as trouble:
            self.complain(WAITING.format(trouble))
            return
        self.awaits_store = False
        self.pending.tunnels = dict(self.tunnels)
        self.pending.flaps = dict(self.flaps)
        self.pending.shown = dict(self.shown)
        self.pending.registrations = list(self.registrations.values())
        self.pending.unregistered = dict(self.sightings.by_port)
        self.pending.applicants = dict(self.applicants.by_fingerprint)
        if aside is not None:
            self.tell_damaged(aside)

    def tell_damaged(self, aside: Path) -> None:
        """Log that the state file was damaged, and where it is now."""
        self.log_event(
            EventKind.GATEWAY,
            f"the state file was damaged; it was moved to {aside}, and a new one was begun",
        )


def ended_of(registrations: Iterable[Registration]) -> list[Registration]:
    """The connections that have ended."""
    return [registration for registration in registrations if not is_alive(registration.session)]


def check_readable(path: Path) -> None:
    """Read the state file as another process would. Raises StateError."""
    reader = open_reader(path)
    try:
        reader.events(limit=1)
        reader.last_sweep()
    finally:
        reader.close()
