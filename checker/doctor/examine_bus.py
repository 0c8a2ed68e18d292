"""Look at the bus of a gateway in a fleet: its server, its services, and whom it hears."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.doctor.bus_facts import BusFacts
from checker.install.places import BUS_UNIT_FILES
from checker.install.survey import SYSTEMD
from checker.linux.systemd import state_of
from checker.model import CheckerError
from checker.model.pulse import HeardPulse
from checker.state.errors import StateError
from checker.state.mirrors import mirror_path, read_pulse
from checker.state.store import open_reader


def bus_facts(layout: Layout, config: Config, now: float | None = None) -> BusFacts | None:
    """Return the facts; None if the gateway is on no bus."""
    if config.fleet is None:
        return None
    # only a fleet needs them
    from checker.fleet.believed import believed, members
    from checker.fleet.bucket_news import read_news, sentences
    from checker.fleet.bus_files import nats_version
    from checker.fleet.card_files import good_cards
    from checker.model.gateway_id import GatewayId

    now = time.time() if now is None else now
    own = GatewayId(config.fleet.name)
    try:
        cards = members(good_cards(layout), signed=config.fleet.signed)
    except CheckerError as error:
        return BusFacts(trouble=str(error))
    if own not in cards or not cards[own].bus:
        return None
    heard = {
        id_: last_pulse(mirror_path(layout, id_)) for id_ in believed(cards, own) if cards[id_].bus
    }
    has_units = layout.home is None and SYSTEMD.is_dir()
    fresh = {id_: one for id_, one in heard.items() if one and is_fresh(one, now)}
    return BusFacts(
        bucket=tuple(sentences(read_news(layout), now)),
        version=nats_version(),
        has_library=importlib.util.find_spec("nats") is not None,
        states={path.name: state_of(path.name) for path in BUS_UNIT_FILES} if has_units else {},
        ahead_s={id_: one.ahead_s for id_, one in fresh.items()},
        silent={
            id_: one.age_s(now) if one else None for id_, one in heard.items() if id_ not in fresh
        },
    )


def is_fresh(one: HeardPulse, now: float) -> bool:
    from checker.fleet.pulses import UNREACHABLE_AFTER_S

    return one.age_s(now) <= UNREACHABLE_AFTER_S


def last_pulse(path: Path) -> HeardPulse | None:
    """Return the last pulse in a mirror; None if there is none."""
    try:
        mirror = open_reader(path)
    except StateError:
        return None
    try:
        return read_pulse(mirror)
    except StateError:
        return None
    finally:
        mirror.close()
