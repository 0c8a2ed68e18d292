"""Which gateways are heard on the bus, and by which keys they are known. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from checker.fleet.card_files import KeptCard
from checker.fleet.cards import Card, GatewayState
from checker.model.gateway_id import GatewayId

ABSENT = frozenset({GatewayState.REMOVED, GatewayState.RESERVED})
"""Neither runs an agent."""


def members(cards: Iterable[KeptCard], *, signed: bool) -> dict[GatewayId, Card]:
    """Return the cards of the gateways that take part, by ID. A draft does not count."""
    return {
        one.card.id: one.card
        for one in cards
        if (one.sealed.signature or not signed) and one.card.state not in ABSENT
    }


def believed(cards: Mapping[GatewayId, Card], own: GatewayId) -> dict[GatewayId, str]:
    """Return the identity of each other gateway that has one. Two with the same one could speak
    for each other, so neither is heard.
    """
    keys = [one.identity for one in cards.values()]
    return {
        id_: card.identity
        for id_, card in cards.items()
        if id_ != own and card.identity and keys.count(card.identity) == 1
    }
