"""Options of the verbs that give a node a key."""

from __future__ import annotations

import argparse
from pathlib import Path

from checker.control.client_files import KeyWish
from checker.model import KeyType


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
        metavar="HOST:PORT",
        help="where the node reaches this gateway; may be given more than once",
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
