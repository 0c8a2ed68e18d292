"""Options of every verb that makes a key or a client file."""

from __future__ import annotations

import argparse
from pathlib import Path

from checker.control.client_files import KeyWish
from checker.model import KeyType


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """Options of the verbs that give a node a key."""
    parser.add_argument(
        "--key-type",
        choices=[kind.value for kind in KeyType],
        help=(
            "of the key that is made: ed25519 (the default), or rsa (3072 bits), for dropbear on"
            " small flash"
        ),
    )
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="the node's own key (- for stdin); without it a pair is made",
    )
    parser.add_argument(
        "--client-config",
        type=Path,
        metavar="FILE",
        help="write what reversi-client needs, the private key beside it",
    )
    parser.add_argument(
        "--keep-key",
        action="store_true",
        help="keep the private key in the registry too (NAME.key, 0600)",
    )
    parser.add_argument(
        "--gateway",
        action="append",
        metavar="HOST:PORT",
        help="how the node reaches this gateway; may be given again",
    )


def wish_of(args: argparse.Namespace) -> KeyWish:
    """What the options ask for."""
    return KeyWish(
        name=args.name,
        kind=KeyType(args.key_type) if args.key_type else None,
        public_key=args.public_key,
        client=args.client_config,
        keep=args.keep_key,
        gateways=tuple(args.gateway or ()),
    )
