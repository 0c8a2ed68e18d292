"""What was seen of all forwards: at this gateway, or in a fleet at the one that holds each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from checker.cli.common import seen_tunnels
from checker.config.layout import Layout, has_mirrors
from checker.config.settings import load_config
from checker.model import NodeName, Port, Tunnel, by_place, is_stale, seen_at
from checker.rows.row import Key, Whereabouts

if TYPE_CHECKING:
    from checker.rows.gateways import GatewayView


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenByAll:
    """The tunnels, and where they are."""

    every_s: float
    """Between this gateway's sweeps."""
    tunnels: Mapping[Key, Tunnel]
    where: Mapping[Key, Whereabouts] = field(default_factory=dict)
    gateways: tuple[GatewayView, ...] = ()
    """Those of the fleet, this one first; empty: it is in none."""

    def at(self, node: NodeName, port: Port) -> Tunnel:
        return seen_at((node, port), self.tunnels)

    def where_is(self, tunnel: Tunnel) -> Whereabouts | None:
        """None: this gateway is in no fleet, or no gateway knows the forward."""
        return self.where.get((tunnel.node, tunnel.port))

    def gateway_of(self, tunnel: Tunnel) -> str:
        """The ID of the gateway that holds it, or held it last; empty: unknown."""
        where = self.where_is(tunnel)
        return "" if where is None else where.gateway

    def is_stale(self, tunnel: Tunnel, now: float) -> bool:
        where = self.where_is(tunnel)
        is_cut_off = where is not None and where.is_cut_off
        return is_cut_off or is_stale(tunnel, self.every_s, now)


def seen_by_all(layout: Layout, now: float) -> SeenByAll:
    """Read what this gateway saw, and in a fleet what the others did. Raises StateError,
    ConfigError.
    """
    tunnels, sweep = seen_tunnels(layout)
    every_s = sweep.every_s if sweep else load_config(layout.config).policy.probe_every_s
    here = SeenByAll(every_s=every_s, tunnels=by_place(tunnels))
    if not has_mirrors(layout):
        return here
    from checker.control.fleet_rows import seen_everywhere  # only a fleet needs it

    found = seen_everywhere(layout, here.tunnels, every_s, now)
    if found is None:
        return here
    return SeenByAll(
        every_s=every_s, tunnels=found.tunnels, where=found.where, gateways=found.gateways
    )
