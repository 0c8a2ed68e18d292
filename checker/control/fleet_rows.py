"""Reads what all gateways of a fleet saw: this one's state file, and the mirrors of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from checker.config.layout import Layout, has_mirrors
from checker.config.settings import load_config
from checker.control.background import Background
from checker.control.past_sums import PastSums, Source, at_all
from checker.model import NodeName, Port, ProcessId, Tunnel, Unregistered, by_place, hour_at
from checker.model.gateway_id import GatewayId
from checker.rows.fleet_uptimes import up_for_s
from checker.rows.gateways import GatewayView, ahead, merge
from checker.rows.row import NOTHING_MORE, Key, Known, Whereabouts
from checker.state.errors import StateError, StateMissing
from checker.state.mirrors import mirror_path, mirrored, read_pulse
from checker.state.rows import Sweep
from checker.state.store import StateFile, open_reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the gateways of a fleet saw, as one."""

    gateways: tuple[GatewayView, ...]
    """This one first."""
    tunnels: Mapping[Key, Tunnel]
    where: Mapping[Key, Whereabouts]
    unregistered: tuple[Unregistered, ...] = ()
    """Devices at the other gateways that are not in the registry."""

    @property
    def here(self) -> GatewayView:
        return self.gateways[0]

    def at(self, node: NodeName, port: Port) -> tuple[Tunnel, Whereabouts]:
        """What was seen of a forward, and where."""
        key = (node, port)
        unseen = Tunnel(node=node, port=port), Whereabouts(gateway=self.here.id)
        return (self.tunnels[key], self.where[key]) if key in self.tunnels else unseen


def own_id(layout: Layout) -> GatewayId | None:
    """Return this gateway's ID if there are others in its fleet whose rows are here; else None.
    Raises ConfigError.
    """
    if not has_mirrors(layout):
        return None
    fleet = load_config(layout.config).fleet
    return None if fleet is None else GatewayId(fleet.name)


def others(layout: Layout, own: GatewayId) -> tuple[GatewayId, ...]:
    """Return the gateways of which there is a mirror."""
    return tuple(id_ for id_ in mirrored(layout) if id_ != own)


def state_files(layout: Layout) -> dict[GatewayId, Path]:
    """Return this gateway's state file, then the mirrors, by gateway; none without a fleet. Raises
    ConfigError.
    """
    own = own_id(layout)
    if own is None:
        return {}
    return {own: layout.state, **{id_: mirror_path(layout, id_) for id_ in others(layout, own)}}


def mirror_paths(layout: Layout) -> tuple[Path, ...]:
    """Return the mirrors of the other gateways; none without a fleet. Raises ConfigError."""
    own = own_id(layout)
    return () if own is None else tuple(mirror_path(layout, id_) for id_ in others(layout, own))


def own_paths(layout: Layout) -> dict[ProcessId, int]:
    """Which tunnel of its node each connection to this gateway is, if the node keeps two; none if
    the state file cannot be read.
    """
    try:
        with closing(open_reader(layout.state)) as state:
            return state.paths()
    except StateError:
        return {}


@contextmanager
def mirror_of(layout: Layout, id_: GatewayId) -> Iterator[StateFile]:
    """Open a mirror for the block. Raises StateError."""
    with closing(open_reader(mirror_path(layout, id_))) as mirror:
        yield mirror


def look(
    id_: GatewayId, mirror: StateFile, sweep: Sweep | None, ahead_s: float = 0.0
) -> GatewayView:
    """What is known of a gateway, besides its rows; `ahead_s`: as far as its clock was ahead when
    we looked last. Raises StateError.
    """
    heard = read_pulse(mirror)
    return GatewayView(
        id=id_,
        every_s=sweep.every_s if sweep else 0.0,
        pulse_at=heard.heard_at if heard else None,
        ahead_s=ahead(heard.ahead_s, ahead_s) if heard else 0.0,
        state=heard.pulse.state if heard else "",
        paths=mirror.paths(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """What another gateway saw."""

    view: GatewayView
    tunnels: Mapping[Key, Tunnel] = field(default_factory=dict)
    unregistered: tuple[Unregistered, ...] = ()


def read_mirror(layout: Layout, id_: GatewayId) -> Mirror:
    """Return what one gateway saw; if its mirror cannot be read, only why."""
    try:
        with mirror_of(layout, id_) as mirror:
            view = look(id_, mirror, mirror.last_sweep())
            tunnels = by_place(mirror.tunnels(least_due_s=view.every_s))
            return Mirror(view=view, tunnels=tunnels, unregistered=mirror.unregistered())
    except StateError as error:
        return Mirror(view=GatewayView(id=id_, every_s=0.0, trouble=str(error)))


def seen_everywhere(
    layout: Layout, here: Mapping[Key, Tunnel], every_s: float, now: float
) -> Seen | None:
    """Return what all gateways saw; None: this one is in no fleet, or has heard of no other.
    `here`: the rows of this gateway, which sweeps every `every_s`. Raises ConfigError.
    """
    own = own_id(layout)
    if own is None:
        return None
    found = [read_mirror(layout, id_) for id_ in others(layout, own)]
    view = GatewayView(id=own, is_here=True, every_s=every_s, paths=own_paths(layout))
    rows = merge([(view, here), *((one.view, one.tunnels) for one in found)], now)
    return Seen(
        gateways=(view, *(one.view for one in found)),
        tunnels={key: seen for key, (seen, _) in rows.items()},
        where={key: where for key, (_, where) in rows.items()},
        unregistered=tuple(device for one in found for device in one.unregistered),
    )


def known_everywhere(
    layout: Layout, seen: Seen, here: Mapping[Key, Known], now: float
) -> dict[Key, Known]:
    """Return what else is known about rows; `here`: what this gateway knows besides hours and
    days. Raises StateError.
    """
    found = dict(here)
    sources: dict[str, PastSums] = {}
    with suppress(StateMissing), closing(open_reader(layout.state)) as state:
        sources[seen.here.id] = read_sums(state, now)
    for gateway in seen.gateways[1:]:
        if gateway.trouble:
            continue
        keys = {key for key, where in seen.where.items() if where.gateway == gateway.id}
        with mirror_of(layout, GatewayId(gateway.id)) as mirror:
            sources[gateway.id] = read_sums(mirror, now)
            background = Background(has_sums=False)
            background.poll(mirror, now, keys)
            found.update((key, background.known(key)) for key in keys)
    hour = hour_at(now)
    for key in {*here, *seen.tunnels}:
        tunnel, where = seen.at(*key)
        up_s = up_for_s(tunnel, now)
        holder = where.gateway if where.is_elsewhere and not where.is_cut_off else ""
        each = [
            Source(sums, up_s if id_ == holder else 0.0, has_row=id_ == where.gateway)
            for id_, sums in sources.items()
        ]
        found[key] = at_all(key, each, hour).into(found.get(key, NOTHING_MORE))
    return found


def read_sums(state: StateFile, now: float) -> PastSums:
    sums = PastSums()
    sums.read(state, now)
    return sums
