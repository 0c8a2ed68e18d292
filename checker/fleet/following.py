"""Have this gateway's nats-server follow the cards."""

from __future__ import annotations

from checker.config.layout import Layout
from checker.config.settings import FleetSettings


def follow_cards(layout: Layout, fleet: FleetSettings) -> None:
    """Renew what the nats-server reads, if this gateway is on a bus. Raises ConfigError."""
    if (layout.fleet / "bus").is_dir():
        from checker.fleet.bus_files import refresh_bus  # only a bus needs it

        refresh_bus(layout, fleet)
