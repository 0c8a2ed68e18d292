"""Options of the verbs that give a node a key."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.control.client_files import KeyWish
from checker.model import InvalidValue, KeyType


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument(
        "--key-type",
        choices=[kind.value for kind in KeyType],
        help=(
            "type of the new key: ed25519 (the default), or rsa (3072 bits) for dropbear on small"
            " flash"
        ),
    )
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="read the node's public key from FILE (- for stdin) instead of making a key pair",
    )
    parser.add_argument(
        "--client-config",
        type=Path,
        metavar="FILE",
        help="write the configuration of reversi-client, and the private key beside it",
    )
    parser.add_argument(
        "--keep-key",
        action="store_true",
        help="keep the private key in the registry too, as NAME.key with mode 0600",
    )
    parser.add_argument(
        "--gateway",
        action="append",
        metavar="[ID=]HOST:PORT",
        help=(
            "where the node reaches this gateway; may be given more than once; with an ID, another"
            " gateway of the fleet, whose host keys are those of its card"
        ),
    )


def wish_of(args: argparse.Namespace, layout: Layout, config: Config) -> KeyWish:
    """What the options ask for. Raises CheckerError."""
    gateways = tuple(args.gateway or ())
    return KeyWish(
        name=args.name,
        kind=KeyType(args.key_type) if args.key_type else None,
        public_key=args.public_key,
        client=args.client_config,
        keep=args.keep_key,
        gateways=gateways,
        pins=pins_of(gateways, layout, config),
    )


def pins_of(gateways: Sequence[str], layout: Layout, config: Config) -> dict[str, tuple[str, ...]]:
    """Return the host keys of the other gateways among these, from their cards. Raises CheckerError
    if an ID is not one of the fleet, or its card does not count.
    """
    ids = dict.fromkeys(text.rpartition("=")[0] for text in gateways if "=" in text)
    if not ids:
        return {}
    if config.fleet is None:
        raise InvalidValue(
            f"--gateway {next(iter(ids))}=HOST:PORT names a gateway of a fleet, and this gateway is"
            " in none: leave the ID out, or run reversi-checker fleet init ID first"
        )
    # only a fleet has cards
    from checker.fleet.card_files import host_keys_on_card
    from checker.model.gateway_id import parse_gateway_id

    return {
        id_: host_keys_on_card(layout, parse_gateway_id(id_), signed=config.fleet.signed)
        for id_ in ids
        if id_ != config.fleet.name
    }
