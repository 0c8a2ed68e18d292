"""The gateways of a fleet that bundles use, in each node's own order, as the signed cards say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.model import InvalidValue, NodeName
from client.bundle.gateways import Given, id_of

if TYPE_CHECKING:
    from checker.fleet.cards import Card
    from checker.fleet.placing import CardPlacing


@dataclass(frozen=True, slots=True)
class FleetOrder:
    """Knows the order of each node's gateways."""

    placing: CardPlacing
    own: str
    """The ID of this gateway."""

    @property
    def gateways(self) -> list[str]:
        """All gateways that devices can use now or later: ID=HOST:PORT each."""
        return [f"{card.id}={one}" for card in self.cards for one in card.addresses]

    @property
    def cards(self) -> list[Card]:
        return [*self.placing.usable(), *self.placing.to_come()]

    def given(self, typed: Sequence[Given]) -> tuple[Given, ...]:
        """Return the host keys to pin: those that were typed, and of each other gateway those of
        its card.
        """
        named = {one.id for one in typed}
        cards = (
            Given(id=card.id, keys=card.host_keys)
            for card in self.cards
            if card.id != self.own and card.id not in named
        )
        return (*typed, *cards)

    def of(self, name: NodeName, gateways: Sequence[str]) -> tuple[str, ...]:
        """Sort the gateways as the node has them, its home first, and those that were announced
        last; leave out those that its entry does not name. Raises InvalidValue if none is left.
        """
        order = self.placing.orders([name]).get(name, ())
        ids = (*order, *self.placing.to_come_for(name))
        found = tuple(one for id_ in ids for one in gateways if id_of(one) == id_)
        if not order:
            raise InvalidValue(
                f"{name}: no gateway that its entry names takes nodes; see: reversi-checker fleet"
                " status"
            )
        return found


def fleet_order(layout: Layout, config: Config) -> FleetOrder | None:
    """Read the cards. None: there is no fleet, or no card of this gateway or of another one that
    devices can use. Raises ConfigError.
    """
    if config.fleet is None:
        return None
    from checker.fleet.placing import CardPlacing  # only a fleet has cards

    placing = CardPlacing(layout, config.fleet)
    placing.active()
    found = FleetOrder(placing, config.fleet.name)
    is_usable = config.fleet.name in {card.id for card in placing.usable()}
    return found if is_usable and len(found.cards) > 1 else None
