"""How old the pulse of each other gateway is, by our own clock that never jumps. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from checker.model.gateway_id import GatewayId
from checker.model.pulse import Pulse
from checker.tunnels.returns import FRESH_S


class PulseWatch:
    """When the pulse of each other gateway changed last; times are monotonic.

    A pulse that was there before we looked proves nothing: its gateway may be gone for days.
    """

    def __init__(self) -> None:
        self.last: dict[GatewayId, tuple[str, int]] = {}
        """The epoch and the beat that we read last."""
        self.changed_at: dict[GatewayId, float] = {}

    def see(self, id_: GatewayId, pulse: Pulse, now: float) -> None:
        """Note the last pulse that the gateway's mirror has."""
        beat = pulse.epoch, pulse.beat
        if self.last.get(id_, beat) != beat:
            self.changed_at[id_] = now
        self.last[id_] = beat

    def age_s(self, id_: GatewayId, now: float) -> float:
        """Return the seconds since a new pulse was read; infinite if none was."""
        return now - self.changed_at.get(id_, -math.inf)

    def is_fresh(self, id_: GatewayId, now: float) -> bool:
        """Return whether the gateway can be heard now."""
        return self.age_s(id_, now) <= FRESH_S

    def keep_only(self, ids: Iterable[GatewayId]) -> None:
        """Forget gateways of which there is no mirror any more."""
        kept = set(ids)
        self.last = {id_: beat for id_, beat in self.last.items() if id_ in kept}
        self.changed_at = {id_: at for id_, at in self.changed_at.items() if id_ in kept}
