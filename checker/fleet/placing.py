"""Where nodes belong by today's cards and entries, for the daemon and for bundles."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from checker.config.layout import Layout
from checker.config.settings import FleetSettings
from checker.config.toml_file import ConfigError
from checker.fleet.card_files import good_cards
from checker.fleet.cards import Card, GatewayState
from checker.fleet.placement import order_of
from checker.model import NodeName
from checker.model.gateway_id import GatewayId
from checker.registry.entry_files import read_entry


class CardPlacing:
    """Reads cards and entries. A draft that nobody signed does not count."""

    def __init__(self, layout: Layout, settings: FleetSettings) -> None:
        self.layout, self.settings = layout, settings
        self.cards: tuple[Card, ...] = ()

    def active(self) -> frozenset[GatewayId]:
        """Read the cards again; return the gateways that take nodes. Raises ConfigError."""
        self.cards = tuple(
            kept.card
            for kept in good_cards(self.layout)
            if kept.sealed.signature or not self.settings.signed
        )
        return frozenset(one.id for one in self.cards if one.state is GatewayState.ACTIVE)

    def usable(self) -> list[Card]:
        """Return the active gateways that devices can reach and know, by the cards as read last."""
        return self.reachable(GatewayState.ACTIVE)

    def to_come(self) -> list[Card]:
        """Return the gateways that were announced, and that devices can know already, by the cards
        as read last.
        """
        return self.reachable(GatewayState.RESERVED)

    def reachable(self, state: GatewayState) -> list[Card]:
        """Return the gateways in this state that have addresses and host keys."""
        return [
            card for card in self.cards if card.state is state and card.addresses and card.host_keys
        ]

    def to_come_for(self, name: NodeName) -> tuple[GatewayId, ...]:
        """Return those that a node may use: all, or those that its entry names."""
        own: tuple[GatewayId, ...] = ()
        with contextlib.suppress(ConfigError):
            own = self.own_order(name)
        return tuple(sorted(card.id for card in self.to_come() if not own or card.id in own))

    def orders(self, names: Collection[NodeName]) -> dict[NodeName, tuple[GatewayId, ...]]:
        """Return the gateways of each of these nodes in its order, by the cards as read last;
        without nodes whose entry cannot be read.
        """
        found = {}
        for name in names:
            with contextlib.suppress(ConfigError):
                order = order_of(name, self.cards, self.own_order(name))
                found[name] = tuple(card.id for card in order)
        return found

    def own_order(self, name: NodeName) -> tuple[GatewayId, ...]:
        """Return the gateways that the node's entry names. Raises ConfigError."""
        kept = read_entry(self.layout, name)
        if kept is None or not (kept.signature or not self.settings.signed):
            return ()
        return kept.entry.head.gateways
