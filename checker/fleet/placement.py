"""In which order a node has its gateways: rendezvous hash over active cards and weights. Pure.

A gateway that goes leaves the order of the others as it was, so its nodes spread evenly.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

from checker.fleet.cards import Card, GatewayState
from checker.model import NodeName
from checker.model.gateway_id import GatewayId


def share(node: NodeName, card: Card) -> float:
    """Return the gateway's score for the node; the highest is the node's home.

    Source: weighted rendezvous hashing, -weight / ln(hash), with the hash in (0, 1).
    """
    digest = hashlib.sha256(f"{node}\0{card.id}".encode()).digest()
    at = (int.from_bytes(digest[:6], "big") + 0.5) / 2**48
    return -card.weight / math.log(at)


def order_of(
    node: NodeName, cards: Iterable[Card], own: tuple[GatewayId, ...] = ()
) -> tuple[Card, ...]:
    """Return the active gateways in the node's order. `own`: the node's entry names its order, and
    only these.
    """
    active = [card for card in cards if card.state is GatewayState.ACTIVE]
    if own:
        by_id = {card.id: card for card in active}
        return tuple(by_id[id_] for id_ in dict.fromkeys(own) if id_ in by_id)
    return tuple(sorted(active, key=lambda card: (-share(node, card), card.id)))
