"""Facts that wait to be written to the state file. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

from checker.model import (
    Applicant,
    Event,
    Flaps,
    Hour,
    NodeName,
    Place,
    Port,
    Registration,
    ShownKey,
    Tunnel,
    Unregistered,
    Watched,
)
from checker.state.rows import Batch, Sweep

T = TypeVar("T")
MOST_HELD = 10_000
"""Of each list, while the state file cannot be written; the oldest are dropped first."""


@dataclass(slots=True, kw_only=True)
class Pending:
    """What changed since the last write: the newest value by key, or a list in order of time."""

    renamed: list[tuple[NodeName, NodeName]] = field(default_factory=list)
    """Nodes' old and new names; all facts below have the new ones."""
    tunnels: dict[Place, Tunnel] = field(default_factory=dict)
    forgotten: list[Place] = field(default_factory=list)
    flaps: dict[NodeName, Flaps] = field(default_factory=dict)
    registrations: list[Registration] = field(default_factory=list)
    ended: list[Registration] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    uptime: list[tuple[NodeName, Port, Watched]] = field(default_factory=list)
    hours: list[Hour] = field(default_factory=list)
    unregistered: dict[Port, Unregistered] = field(default_factory=dict)
    gone: list[Unregistered] = field(default_factory=list)
    """Unregistered devices that are forgotten."""
    shown: dict[Place, ShownKey] = field(default_factory=dict)
    applicants: dict[str, Applicant] = field(default_factory=dict)
    """By fingerprint."""
    dropped: list[str] = field(default_factory=list)
    """Fingerprints of applicants that are forgotten."""
    sweep: Sweep | None = None

    def forget(self, place: Place) -> None:
        """Delete the tunnel's row."""
        self.tunnels.pop(place, None)
        self.shown.pop(place, None)
        self.forgotten.append(place)

    def forget_unregistered(self, one: Unregistered) -> None:
        """Delete the device's row."""
        self.unregistered.pop(one.port, None)
        self.gone.append(one)

    def drop_applicant(self, fingerprint: str) -> None:
        """Delete the applicant's row."""
        self.applicants.pop(fingerprint, None)
        self.dropped.append(fingerprint)

    def add_events(self, events: Iterable[Event]) -> None:
        """Log these, after what is logged already."""
        self.events.extend(events)
        del self.events[:-MOST_HELD]

    def rename(self, old: NodeName, new: NodeName) -> None:
        """Write all facts of a node under its new name."""

        def name(node: NodeName) -> NodeName:
            return new if node == old else node

        self.renamed.append((old, new))
        self.tunnels = {
            (name(node), port): replace(tunnel, node=name(node))
            for (node, port), tunnel in self.tunnels.items()
        }
        self.forgotten = [(name(node), port) for node, port in self.forgotten]
        self.flaps = {name(node): flaps for node, flaps in self.flaps.items()}
        self.registrations = [replace(one, node=name(one.node)) for one in self.registrations]
        self.ended = [replace(one, node=name(one.node)) for one in self.ended]
        self.events = [replace(one, node=new) if one.node == old else one for one in self.events]
        self.uptime = [(name(node), port, watched) for node, port, watched in self.uptime]
        self.hours = [hour._replace(node=name(hour.node)) for hour in self.hours]
        self.shown = {
            (name(node), port): replace(shown, node=name(node))
            for (node, port), shown in self.shown.items()
        }

    def __bool__(self) -> bool:
        return any(getattr(self, kind.name) for kind in fields(self))

    def take(self) -> Pending:
        """Move all facts to a new object, to write them."""
        taken, empty = replace(self), Pending()
        for kind in fields(self):
            setattr(self, kind.name, getattr(empty, kind.name))
        return taken

    def merge(self, earlier: Pending) -> None:
        """Put back what could not be written, before what came since; `earlier` is used up."""
        for old, new in self.renamed:
            earlier.rename(old, new)
        for place in self.forgotten:
            earlier.tunnels.pop(place, None)
            earlier.shown.pop(place, None)
        for one in self.gone:
            earlier.unregistered.pop(one.port, None)
        for fingerprint in self.dropped:
            earlier.applicants.pop(fingerprint, None)
        self.renamed = earlier.renamed
        self.tunnels = earlier.tunnels | self.tunnels
        self.forgotten = newest(earlier.forgotten, self.forgotten)
        self.flaps = earlier.flaps | self.flaps
        self.registrations = newest(earlier.registrations, self.registrations)
        self.ended = newest(earlier.ended, self.ended)
        self.events = newest(earlier.events, self.events)
        self.uptime = newest(earlier.uptime, self.uptime)
        self.hours = newest(earlier.hours, self.hours)
        self.unregistered = earlier.unregistered | self.unregistered
        self.gone = newest(earlier.gone, self.gone)
        self.shown = earlier.shown | self.shown
        self.applicants = earlier.applicants | self.applicants
        self.dropped = newest(earlier.dropped, self.dropped)
        self.sweep = self.sweep or earlier.sweep

    def batch(self) -> Batch:
        """The facts as one transaction writes them."""
        return Batch(
            renamed=self.renamed,
            tunnels=[self.tunnels[place] for place in sorted(self.tunnels)],
            forgotten=self.forgotten,
            flaps=[(node, self.flaps[node]) for node in sorted(self.flaps)],
            registrations=self.registrations,
            ended=self.ended,
            events=self.events,
            uptime=self.uptime,
            hours=self.hours,
            unregistered=[self.unregistered[port] for port in sorted(self.unregistered)],
            gone=self.gone,
            shown=[self.shown[place] for place in sorted(self.shown)],
            applicants=[self.applicants[one] for one in sorted(self.applicants)],
            dropped=self.dropped,
            sweep=self.sweep,
        )


def newest(earlier: list[T], later: list[T]) -> list[T]:
    """Both, as far as they may be held."""
    return [*earlier, *later][-MOST_HELD:]
