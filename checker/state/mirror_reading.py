"""Read from the mirrors of other gateways what the daemon needs.

A mirror that is damaged counts as missing, whatever is wrong with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from checker.config.layout import Layout
from checker.model import CheckerError, NodeName, Registration, Tunnel
from checker.model.gateway_id import GatewayId
from checker.model.pulse import HeardPulse
from checker.state.mirrors import GET_POSITION, Position, mirror_path, mirrored, read_pulse
from checker.state.rows import registration_from
from checker.state.store import StateFile, open_reader
from checker.state.tunnels import tunnels_of

T = TypeVar("T")
MOST_READ = 100_000
MOST_IN_COMMON = 1000
FEW = 50
"""Nodes that are asked about one by one, as that takes less time than a list of all nodes there."""
NODES = "SELECT DISTINCT node FROM registration LIMIT :most"
REGISTRATIONS = "SELECT * FROM registration WHERE node = :node"
BROKEN = (CheckerError, OSError, ValueError, KeyError, TypeError, IndexError, sqlite3.Error)


@dataclass(frozen=True, slots=True, kw_only=True)
class InCommon:
    """What another gateway has of nodes that are here too."""

    pulse: HeardPulse
    registrations: tuple[Registration, ...] = ()
    tunnels: tuple[Tunnel, ...] = ()
    position: Position | None = None
    """Up to which change this goes; None: unknown."""
    here: frozenset[NodeName] = frozenset()
    """The nodes that were asked about."""


def read_pulses(layout: Layout, own: GatewayId) -> dict[GatewayId, HeardPulse]:
    """Return the last pulse of each other gateway that has one."""
    found = {id_: read(mirror_path(layout, id_), read_pulse) for id_ in mirrored(layout)}
    return {id_: pulse for id_, pulse in found.items() if pulse is not None and id_ != own}


def read_in_common(
    layout: Layout, id_: GatewayId, here: frozenset[NodeName], before: InCommon | None = None
) -> InCommon | None:
    """Return what a gateway has of these nodes; None if its mirror cannot be read, or lags behind
    its pulse. `before`: what was read last; its rows are not read again if nothing changed.
    """
    return read(mirror_path(layout, id_), lambda mirror: in_common(mirror, here, before))


def read_connections(
    layout: Layout, id_: GatewayId, names: Collection[NodeName]
) -> tuple[Registration, ...] | None:
    """Return the connections of these nodes to a gateway; None if its mirror cannot be read."""
    return read(mirror_path(layout, id_), lambda mirror: connections(mirror, names))


def read(path: Path, reading: Callable[[StateFile], T | None]) -> T | None:
    try:
        if path.is_symlink() or not path.is_file():  # opening a pipe would block
            return None
        with closing(open_reader(path)) as mirror:
            return reading(mirror)
    except BROKEN:
        return None


def in_common(
    mirror: StateFile, here: frozenset[NodeName], before: InCommon | None
) -> InCommon | None:
    pulse = read_pulse(mirror)
    if pulse is None:
        return None
    with mirror.using() as db:
        found = db.execute(GET_POSITION).fetchone()
        if found is None:
            return None
        position = Position(epoch=found["epoch"], number=found["number"])
        if position.epoch != pulse.pulse.epoch or position.number < pulse.pulse.number:
            return None
        if before is not None and (before.position, before.here) == (position, here):
            return replace(before, pulse=pulse)
        names = here if len(here) <= FEW else here.intersection(connected(db))
        registrations: list[Registration] = []
        tunnels: list[Tunnel] = []
        for name in sorted(names)[:MOST_IN_COMMON]:
            theirs = [*map(registration_from, db.execute(REGISTRATIONS, {"node": name}))]
            registrations += theirs
            tunnels += tunnels_of(db, name) if theirs else ()
    return InCommon(
        pulse=pulse,
        registrations=tuple(registrations),
        tunnels=tuple(tunnels),
        position=position,
        here=here,
    )


def connected(db: sqlite3.Connection) -> set[NodeName]:
    return {row["node"] for row in db.execute(NODES, {"most": MOST_READ})}


def connections(mirror: StateFile, names: Collection[NodeName]) -> tuple[Registration, ...]:
    with mirror.using() as db:
        rows = [row for name in names for row in db.execute(REGISTRATIONS, {"node": name})]
    return tuple(map(registration_from, rows))
