"""Keep an eye on the other gateways of the fleet, as their mirrors show them.

The mirrors may be missing, old or broken: then nothing happens here, and no tunnel notices.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from checker.config.settings import FleetSettings
from checker.daemon.clone_watch import CloneWatch
from checker.daemon.drainer import Drainer
from checker.daemon.guests import Guests, OrdersOf
from checker.daemon.sweep import Sweeper
from checker.model import CheckerError
from checker.model.gateway_id import GatewayId
from checker.state.mirror_reading import read_pulses
from checker.tunnels.pulse_watch import PulseWatch
from checker.tunnels.returns import Homes

LOOK_EVERY_S = 3.0
SENDING_EVERY_S = 1.0
"""While guests are sent home."""
CLONES_EVERY_S = 9.0


class Placing(OrdersOf, Protocol):
    """Says where nodes belong, and which gateways take any. Both methods block."""

    def active(self) -> frozenset[GatewayId]:
        """Return the gateways that take nodes. Raises ConfigError."""


class FleetWatch:
    """Sends guests home, and has copies of keys at two gateways wait."""

    def __init__(
        self, settings: FleetSettings, placing: Placing, drainer: Drainer, sweeper: Sweeper
    ) -> None:
        self.here, self.placing, self.drainer = GatewayId(settings.name), placing, drainer
        self.gateway = drainer.gateway
        self.pulses, self.homes = PulseWatch(), Homes()
        self.guests = Guests(settings, placing, self.gateway)
        self.clones = CloneWatch(self.here, self.gateway, drainer.verdicts, sweeper)
        self.clones_at = float("-inf")

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                is_sending = False
                try:
                    is_sending = await self.look(group)
                except (CheckerError, OSError) as error:
                    self.gateway.ledger.complain(f"cannot look at the other gateways: {error}")
                await asyncio.sleep(SENDING_EVERY_S if is_sending else LOOK_EVERY_S)

    async def look(self, group: asyncio.TaskGroup) -> bool:
        """Read the pulses, and act; return whether guests were sent home. Raises CheckerError,
        OSError.
        """
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        heard = await asyncio.to_thread(read_pulses, self.gateway.layout, self.here)
        self.pulses.keep_only(heard)
        self.homes.keep_only(heard)
        active = await asyncio.to_thread(self.placing.active) if heard else frozenset()
        for id_, one in heard.items():
            self.pulses.see(id_, one.pulse, now)
            takes = id_ in active and one.pulse.state == "active"
            self.homes.see(id_, self.pulses.age_s(id_, now), takes_nodes=takes, now=now)
        fresh = [id_ for id_ in heard if self.pulses.is_fresh(id_, now)]
        if fresh and now - self.clones_at >= CLONES_EVERY_S:
            self.clones_at = now
            await self.clones.look(fresh)
        if self.drainer.drain is not None:
            return False
        return await self.guests.send(self.homes, now, group)
