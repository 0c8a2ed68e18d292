"""What the verbs `fleet ...` read, take in and print."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from checker.cli.dialog import warn, would
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.config.toml_file import MOST_BYTES, beginning
from checker.fleet.apply import apply, rehearse, sentence
from checker.fleet.bucket_news import sentences
from checker.fleet.bus_config import ROUTE_PORT
from checker.fleet.card_files import KeptCard, card_named, good_cards
from checker.fleet.cards import LEAST_WEIGHT, MOST_WEIGHT, Card, GatewayState
from checker.fleet.exchange import Pushed, fleet_of
from checker.fleet.making import CardWish
from checker.fleet.sealed import Sealed
from checker.fleet.standing import Standing
from checker.model import InvalidValue, parse_public_key, parse_target
from checker.model.gateway_id import parse_gateway_id
from checker.output import aligned, say

HEADINGS = ("GATEWAY", "STATE", "WEIGHT", "REVISION", "SIGNED BY", "ADDRESS")
MOST_NAMES = 10


def take_in(args: argparse.Namespace, layout: Layout, many: Sequence[Sealed]) -> ExitCode:
    """Take what may be taken of these, and say what was done."""
    said = rehearse(layout, many) if args.dry_run else apply(layout, many)
    for one in said:
        if one.is_trouble:
            warn(sentence(one))
        elif args.dry_run:
            would([sentence(one)])
        else:
            say(sentence(one))
    if not said:
        say("nothing new")
    return ExitCode.NOT_UP if any(one.is_trouble for one in said) else ExitCode.OK


def card_wish(args: argparse.Namespace, own: str) -> CardWish:
    """Return what the options ask of a card. Raises InvalidValue, ConfigError."""
    if args.weight is not None and not LEAST_WEIGHT <= args.weight <= MOST_WEIGHT:
        raise InvalidValue(
            f"--weight {args.weight:g} is out of bounds; write {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}"
        )
    addresses = [str(parse_target(one, "address")) for one in args.address or ()]
    return CardWish(
        id=parse_gateway_id(args.id or own),
        addresses=tuple(addresses) or None,
        host_keys=tuple(map(key_in, args.host_key or ())) or None,
        weight=args.weight,
        state=GatewayState(args.state) if args.state else None,
        bus=bus_wish(args),
    )


def bus_wish(args: argparse.Namespace) -> str | None:
    """Return where the others must reach this gateway's nats-server; empty: nowhere; None: as
    before. Raises InvalidValue.
    """
    if args.bus is None:
        return "" if args.no_bus else None
    bare = re.fullmatch(r"[A-Za-z0-9._-]+", args.bus, re.ASCII)
    return str(parse_target(f"{args.bus}:{ROUTE_PORT}" if bare else args.bus, "--bus"))


def key_in(path: Path) -> str:
    return parse_public_key(beginning(path, MOST_BYTES).decode("utf-8", "replace"))


def others(layout: Layout, ids: Sequence[str]) -> list[Card]:
    """Return the cards of these gateways, which may be removed ones: one that is named learns that
    by it. Without IDs, return those of all others that serve nodes. Raises UnknownGateway,
    InvalidValue, ConfigError.
    """
    own = fleet_of(layout).name
    if own in ids:
        raise InvalidValue(f"{own} is this gateway; name another one")
    if ids:
        return [card_named(layout, one, even_removed=True).card for one in ids]
    serving = (GatewayState.ACTIVE, GatewayState.DRAINING)
    found = [one.card for one in good_cards(layout) if one.card.state in serving]
    cards = [card for card in found if card.id != own]
    if not cards:
        raise InvalidValue(
            "no other gateway is known here; take its card with: reversi-checker fleet join CARD"
        )
    return cards


def pushed_lines(done: Pushed) -> Iterator[str]:
    if done.sent:
        yield f"{done.taken} of {done.sent} entries and cards taken"
    else:
        yield "has everything"
    for name, why in done.left_out.items():
        yield f"{name} was left out there: {why}"
    if done.newer:
        yield f"newer there than here, so push from there: {names(done.newer)}"


def names(found: Sequence[str]) -> str:
    shown = ", ".join(found[:MOST_NAMES])
    more = len(found) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def standing_lines(found: Standing) -> Iterator[str]:
    """Yield what `fleet status` prints."""
    rows = [HEADINGS, *(card_row(found, one) for one in found.cards)]
    yield aligned(rows)
    yield f"nodes: {found.signed} signed; {found.removed} removed nodes are remembered"
    if found.followed:
        yield (
            f"{len(found.followed)} use a new key or port here, which the others learn when you"
            f" sign: {names(found.followed)}"
        )
    if found.unsigned:
        yield (
            f"{len(found.unsigned)} changed on this gateway only (reversi-checker node sign):"
            f" {names(found.unsigned)}"
        )
    for name, why in found.left_out.items():
        yield f"{name}: a newer entry was left out: {why}"
    if found.is_on_bus:
        yield from sentences(found.bus, time.time())
    yield from found.problems


def card_row(found: Standing, one: KeptCard) -> tuple[str, ...]:
    card = one.card
    is_signed = one.sealed.signature or not found.is_signing
    return (
        f"{card.id} (here)" if card.id == found.name else card.id,
        card.state.value,
        f"{card.weight:g}",
        str(card.rev),
        card.changed_by if is_signed else "nobody",
        ", ".join(card.addresses) or "-",
    )


def standing_json(found: Standing) -> dict[str, Any]:
    return {
        "gateway": found.name,
        "signed": found.is_signing,
        "gateways": [
            {
                "id": one.card.id,
                "state": one.card.state.value,
                "weight": one.card.weight,
                "rev": one.card.rev,
                "changed_at": one.card.changed_at,
                "changed_by": one.card.changed_by,
                "is_signed": bool(one.sealed.signature),
                "addresses": list(one.card.addresses),
            }
            for one in found.cards
        ],
        "nodes_signed": found.signed,
        "nodes_removed": found.removed,
        "nodes_followed": list(found.followed),
        "nodes_unsigned": list(found.unsigned),
        "left_out": found.left_out,
        "bus": asdict(found.bus) if found.bus else None,
        "problems": list(found.problems),
    }
