"""What the running checker knows of every tunnel, and what of it still has to be written to the
state file.
"""

from __future__ import annotations

import asyncio
import logging
import time
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
    Port,
    ProcessId,
    Registration,
    Tunnel,
    Watched,
)
from checker.state.rows import Batch, Sweep
from checker.state.store import (
    StateCorrupt,
    StateError,
    StateFile,
    StateMissing,
    open_or_replace,
    open_reader,
)
from checker.state.unregistered import Sightings

log = logging.getLogger(__name__)
Place = tuple[NodeName, Port]
EVENTS_HELD = 10_000
"""Events that wait for a state file that can not be written; older ones are dropped first."""
COMPLAIN_EVERY_S = 600.0
COMPLAINTS_AT_ONCE = 20
"""Different ones in that time; a trouble that all nodes have shall not fill the log."""


class Ledger:
    """Tunnels, flaps and registrations in memory; `flush` writes what changed. One per process,
    used from one loop.
    """

    def __init__(self, layout: Layout, store: StateFile | None) -> None:
        self.layout = layout
        self.store = store
        self.awaits_store = False
        """There was no room for a state file; it is tried again, and what is to be written
        waits.
        """
        self.tunnels: dict[Place, Tunnel] = {}
        self.flaps: dict[NodeName, Flaps] = {}
        self.registrations: dict[ProcessId, Registration] = {}
        self.changed: set[Place] = set()
        self.forgotten: list[Place] = []
        self.flapped: set[NodeName] = set()
        self.registered: list[Registration] = []
        self.ended: list[Registration] = []
        self.events: list[Event] = []
        self.uptime: list[tuple[NodeName, Port, Watched]] = []
        self.hours: list[Hour] = []
        self.sweep: Sweep | None = None
        self.renamed: list[tuple[NodeName, NodeName]] = []
        self.sightings = Sightings()
        self.complaints: dict[str, float] = {}
        self.store_trouble = ""
        self.replacing = asyncio.Lock()
        self.flushing = asyncio.Lock()

    def load(self, store: StateFile) -> None:
        """Begin with what the state file tells; strikes of another life do not count."""
        for tunnel in store.tunnels():
            self.tunnels[tunnel.node, tunnel.port] = replace(tunnel, strikes=0)
        self.flaps = store.flaps()
        self.sightings.load(store.unregistered())
        for registration in store.registrations():
            if is_alive(registration.session):
                self.registrations[registration.session] = registration
            else:
                self.ended.append(registration)

    def tunnel(self, forward: Forward) -> Tunnel:
        """What is known of a forward."""
        return self.tunnels.get((forward.node, forward.port)) or Tunnel(
            node=forward.node, port=forward.port
        )

    def put(self, tunnel: Tunnel) -> None:
        """Keep and write."""
        self.tunnels[tunnel.node, tunnel.port] = tunnel
        self.changed.add((tunnel.node, tunnel.port))

    def put_flaps(self, node: NodeName, flaps: Flaps) -> None:
        """Keep and write, where it differs."""
        if flaps != self.flaps.get(node, Flaps()):
            self.flaps[node] = flaps
            self.flapped.add(node)

    def register(self, registration: Registration) -> None:
        """Keep and write."""
        self.registrations[registration.session] = registration
        self.registered.append(registration)

    async def of_node(self, node: NodeName) -> list[Registration]:
        """The node's live connections, oldest first; those that ended are forgotten."""
        mine = sorted(
            (r for r in self.registrations.values() if r.node == node),
            key=lambda r: r.registered_at,
        )
        for registration in await asyncio.to_thread(ended_of, mine):
            # another caller may have met it meanwhile
            if self.registrations.pop(registration.session, None) is not None:
                self.ended.append(registration)
        return [registration for registration in mine if registration.session in self.registrations]

    def keep_only(self, forwards: Iterable[Forward]) -> None:
        """Forget tunnels that the registry has no more."""
        kept = {(forward.node, forward.port) for forward in forwards}
        for place in [place for place in self.tunnels if place not in kept]:
            self.forget(place)

    def forget(self, place: Place) -> None:
        """Forget one tunnel."""
        self.tunnels.pop(place, None)
        self.changed.discard(place)
        self.forgotten.append(place)

    def rename(self, old: NodeName, new: NodeName) -> None:
        """What is known of a node goes on under its new name, and so does what waits to be
        written.
        """
        for tunnel in [tunnel for tunnel in self.tunnels.values() if tunnel.node == old]:
            del self.tunnels[tunnel.node, tunnel.port]
            self.changed.discard((tunnel.node, tunnel.port))
            self.put(replace(tunnel, node=new))
        self.put_flaps(new, self.flaps.pop(old, Flaps()))
        self.flapped.discard(old)
        for session, registration in self.registrations.items():
            if registration.node == old:
                self.registrations[session] = replace(registration, node=new)
        self.registered = [
            replace(one, node=new) if one.node == old else one for one in self.registered
        ]
        self.ended = [replace(one, node=new) if one.node == old else one for one in self.ended]
        self.events = [
            replace(event, node=new) if event.node == old else event for event in self.events
        ]
        self.uptime = [(new if node == old else node, port, day) for node, port, day in self.uptime]
        self.hours = [hour._replace(node=new) if hour.node == old else hour for hour in self.hours]
        self.renamed.append((old, new))

    def tell(
        self,
        kind: EventKind,
        text: str,
        *,
        node: NodeName | None = None,
        port: Port | None = None,
        actor: str = "daemon",
    ) -> None:
        """An event for the log."""
        level = (
            logging.WARNING
            if kind in (EventKind.KILL, EventKind.KILL_FAILED, EventKind.REFUSED, EventKind.CLONE)
            else logging.INFO
        )
        log.log(level, "[%s %s] %s", node or "-", port or "-", text)
        self.events.append(
            Event(at=time.time(), kind=kind, text=text, node=node, port=port, actor=actor)
        )
        del self.events[:-EVENTS_HELD]

    def take(self) -> Batch:
        """All that is to be written, taken out of the ledger."""
        unregistered, gone = self.sightings.take()
        batch = Batch(
            unregistered=unregistered,
            gone=gone,
            tunnels=[self.tunnels[place] for place in sorted(self.changed)],
            forgotten=self.forgotten,
            flaps=[(node, self.flaps[node]) for node in sorted(self.flapped)],
            registrations=self.registered,
            ended=self.ended,
            events=self.events,
            uptime=self.uptime,
            hours=self.hours,
            sweep=self.sweep,
            renamed=self.renamed,
        )
        self.changed, self.flapped = set(), set()
        self.forgotten, self.registered, self.ended, self.events, self.uptime, self.hours = (
            [],
            [],
            [],
            [],
            [],
            [],
        )
        self.sweep = None
        self.renamed = []
        return batch

    def give_back(self, batch: Batch) -> None:
        """The batch could not be written: it stays to be."""
        self.changed |= {
            (t.node, t.port) for t in batch.tunnels if (t.node, t.port) in self.tunnels
        }
        self.flapped |= {node for node, _ in batch.flaps}
        self.forgotten = [*batch.forgotten, *self.forgotten][-EVENTS_HELD:]
        self.registered = [*batch.registrations, *self.registered][-EVENTS_HELD:]
        self.ended = [*batch.ended, *self.ended][-EVENTS_HELD:]
        self.events = [*batch.events, *self.events][-EVENTS_HELD:]
        self.uptime = [*batch.uptime, *self.uptime][-EVENTS_HELD:]
        self.hours = [*batch.hours, *self.hours][-EVENTS_HELD:]
        self.sightings.give_back(batch.unregistered, batch.gone)
        self.sweep = self.sweep or batch.sweep
        self.renamed = [*batch.renamed, *self.renamed]

    async def flush(self) -> None:
        """Write what changed. A state file that can not be written costs its freshness, and nothing
        else; a damaged one is replaced.
        """
        async with self.flushing:  # else an older batch could be written over a newer one
            await self.flush_alone()

    async def flush_alone(self) -> None:
        batch, store = self.take(), self.store
        if not batch:
            return
        if store is None:
            if self.awaits_store:
                self.give_back(batch)
            return
        try:
            await asyncio.to_thread(store.write, batch)
            self.complaints.pop(self.store_trouble, None)  # the next one is news
        except StateCorrupt as error:
            self.give_back(batch)
            await self.begin_new_store(store, str(error))
        except StateError as error:
            self.give_back(batch)
            self.store_trouble = f"{error}; probing goes on, what is seen waits in memory"
            self.complain(self.store_trouble)

    def complain(self, sentence: str) -> None:
        """Say it, and not again for a while."""
        now = time.monotonic()
        self.complaints = {
            said: at for said, at in self.complaints.items() if now - at <= COMPLAIN_EVERY_S
        }
        if sentence not in self.complaints and len(self.complaints) < COMPLAINTS_AT_ONCE:
            self.complaints[sentence] = now
            log.error("%s", sentence)

    async def see_to_store(self) -> None:
        """Begin a new state file where ours was removed, or damaged so that others can not read
        it.
        """
        store = self.store
        if store is None:
            if self.awaits_store:
                await self.try_store_again()
            return
        try:
            await asyncio.to_thread(look_at, self.layout.state)
        except (StateCorrupt, StateMissing) as error:
            await self.begin_new_store(store, str(error))
        except StateError as error:
            self.complain(str(error))

    async def begin_new_store(self, broken: StateFile, why: str) -> None:
        async with self.replacing:
            if self.store is not broken:
                return  # the other chore that met it was quicker
            self.complain(why)
            try:
                await asyncio.to_thread(broken.close)
                self.store, aside = await asyncio.to_thread(
                    open_or_replace, self.layout.state, time.time()
                )
            except (StateError, OSError) as trouble:
                self.complain(f"{trouble}; probing goes on, what is seen waits in memory")
            else:
                self.begin_anew(aside)

    async def try_store_again(self) -> None:
        """Perhaps there is room by now."""
        try:
            self.store, aside = await asyncio.to_thread(
                open_or_replace, self.layout.state, time.time()
            )
        except (StateError, OSError) as trouble:
            self.complain(f"{trouble}; probing goes on, what is seen waits in memory")
        else:
            self.awaits_store = False
            self.begin_anew(aside)

    def begin_anew(self, aside: object) -> None:
        """All that is known is to be written again."""
        self.changed = set(self.tunnels)
        self.flapped = set(self.flaps)
        self.registered = list(self.registrations.values())
        self.sightings.begin_anew()
        if aside is not None:
            self.tell(
                EventKind.GATEWAY,
                f"the state file was damaged; it lies at {aside}, and a new one was begun",
            )


def ended_of(registrations: Iterable[Registration]) -> list[Registration]:
    """Those of these connections that are no more."""
    return [registration for registration in registrations if not is_alive(registration.session)]


def look_at(path: Path) -> None:
    """Read the state file as another process would. Raises StateError."""
    reader = open_reader(path)
    try:
        reader.events(limit=1)
        reader.last_sweep()
    finally:
        reader.close()
