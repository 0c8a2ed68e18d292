"""Where a gateway keeps the cards of the fleet: `fleet/gateways/ID.toml`, and its signature."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import FleetSettings
from checker.config.toml_file import MOST_BYTES, ConfigError, toml_files
from checker.fleet.cards import Card, GatewayState, parse_card
from checker.fleet.sealed import Sealed
from checker.model import CheckerError, InvalidValue
from checker.model.gateway_id import GatewayId
from checker.nearest import did_you_mean
from checker.registry.entry_files import read_pair


class UnknownGateway(CheckerError):
    """There is no card of that gateway."""

    def __init__(self, text: str, known: tuple[str, ...]) -> None:
        hint = did_you_mean(text, known) or ";"
        super().__init__(
            f"there is no card of a gateway {text[:80]!r}{hint} see: reversi-checker fleet status"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCard:
    """A card as it lies on the disk."""

    card: Card
    sealed: Sealed


def cards_folder(layout: Layout) -> Path:
    return layout.fleet / "gateways"


def identity_path(layout: Layout) -> Path:
    """Return the private key with which this gateway signs what it says."""
    return layout.fleet / "identity"


def card_path(layout: Layout, id_: GatewayId) -> Path:
    return cards_folder(layout) / f"{id_}.toml"


def read_card(path: Path) -> KeptCard | None:
    """Read a card; None if there is none. Raises ConfigError."""
    if not os.path.lexists(path):
        return None
    text, signature = read_pair(path, MOST_BYTES + 1)
    try:
        card = parse_card(text)
    except InvalidValue as error:
        raise ConfigError(path, str(error)) from error
    if card.id != path.stem:
        raise ConfigError(path, f"is the card of gateway {card.id}; move it away")
    return KeptCard(card=card, sealed=Sealed(text=text, signature=signature))


def all_cards(layout: Layout) -> Iterator[KeptCard | ConfigError]:
    """Yield each card, or why it cannot be read. Raises ConfigError."""
    for path in toml_files(cards_folder(layout)):
        try:
            kept = read_card(path)
        except ConfigError as error:
            yield error
        else:
            if kept is not None:
                yield kept


def good_cards(layout: Layout) -> list[KeptCard]:
    """Return the cards that can be read. Raises ConfigError."""
    return [one for one in all_cards(layout) if isinstance(one, KeptCard)]


def remover(layout: Layout, fleet: FleetSettings) -> str:
    """Return who removed this gateway from the fleet; empty: nobody did, as far as is known here.
    Raises ConfigError.
    """
    kept = read_card(card_path(layout, GatewayId(fleet.name)))
    if kept is None or kept.card.state is not GatewayState.REMOVED:
        return ""
    return kept.card.changed_by if kept.sealed.signature or not fleet.signed else ""


def card_named(layout: Layout, text: str, *, even_removed: bool = False) -> KeptCard:
    """Return the card of a gateway; of one that was removed only if `even_removed`. Raises
    UnknownGateway, ConfigError.
    """
    known = {
        one.card.id: one
        for one in good_cards(layout)
        if even_removed or one.card.state is not GatewayState.REMOVED
    }
    found = known.get(GatewayId(text))
    if found is None:
        raise UnknownGateway(text, tuple(known))
    return found


def host_keys_on_card(layout: Layout, id_: GatewayId, *, signed: bool) -> tuple[str, ...]:
    """Return the host keys that a gateway's card has. `signed`: it counts only if it is. Raises
    CheckerError if there is no such card, or it has none.
    """
    kept = card_named(layout, id_)
    if signed and not kept.sealed.signature:
        raise ConfigError(
            card_path(layout, id_), "is not signed: reversi-checker fleet card --sign"
        )
    if not kept.card.host_keys:
        raise ConfigError(
            card_path(layout, id_), "has no host keys; renew it there: fleet card --sign"
        )
    return kept.card.host_keys
