"""What the other gateways of the fleet told about a node, by their mirrors."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from checker.config.layout import Layout
from checker.control.fleet_rows import seen_everywhere
from checker.model import NodeName, Place, Tunnel, by_place
from checker.model.gateway_id import GatewayId
from checker.rows.gateways import SILENT_S
from checker.state.mirror_reading import read_in_common, read_pulses
from checker.state.mirrors import mirrored
from checker.state.rows import Sweep
from client.rollout.way import Sight, of_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Reads the mirrors, which may be missing or old. The methods block."""

    layout: Layout
    own: GatewayId

    def sights(self, name: NodeName, path: int) -> list[Sight]:
        """Return what each of them sees of a tunnel of a node, without those whose mirror cannot be
        read now.
        """
        names = frozenset({name})
        ids = [id_ for id_ in mirrored(self.layout) if id_ != self.own]
        told = ((id_, read_in_common(self.layout, id_, names)) for id_ in ids)
        return [
            Sight(
                gateway=id_,
                registrations=of_path(one.registrations, name, path),
                tunnels=by_place(one.tunnels),
            )
            for id_, one in told
            if one is not None
        ]

    def holders(self, here: Mapping[Place, Tunnel], sweep: Sweep | None) -> dict[Place, str]:
        """Return which of them holds each port that none holds here, as `where` says it. Raises
        ConfigError.
        """
        every_s = sweep.every_s if sweep else 0.0
        found = seen_everywhere(self.layout, here, every_s, time.time())
        return {
            place: where.gateway
            for place, where in (found.where if found else {}).items()
            if where.is_elsewhere and not where.is_cut_off
        }

    def hears(self, id_: str) -> bool:
        """Return whether a gateway was heard lately."""
        heard = read_pulses(self.layout, self.own).get(GatewayId(id_))
        return heard is not None and time.time() - heard.heard_at <= SILENT_S
