"""Make a node's key pair, and write the files that its device needs."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import tomli_w

from checker.config.files import write_secret
from checker.config.layout import Layout, listen_note
from checker.config.settings import Config
from checker.config.toml_file import ConfigError
from checker.model import (
    CheckerError,
    Forward,
    InvalidValue,
    KeyType,
    Node,
    decoded,
    fingerprint,
    parse_public_key,
    parse_target,
)
from checker.registry.changes import kept_key_path
from checker.registry.pin_files import note_pins, read_pins, write_pins
from checker.registry.pins import Pins
from checker.sshd.host_key_files import host_keys
from checker.sshd.host_keys import as_pin
from checker.sshd.keygen import make_key_pair


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """Where a node's key comes from, and where it goes."""

    name: str
    kind: KeyType | None = None
    """Type of a new pair; None: the default."""
    public_key: Path | None = None
    """File with the node's own public key; None: make a pair."""
    client: Path | None = None
    """Where to write the client's configuration, with the private key beside it; None: nowhere."""
    folder: Path = Path()
    """Directory for the private key if no client configuration is written."""
    keep: bool = False
    """Keep the private key in the registry too."""
    gateways: tuple[str, ...] = ()
    """[ID=]HOST:PORT each; empty: as configured."""
    pins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The host keys of other gateways by their IDs, `TYPE BASE64` each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """A key, and the files that it is written to."""

    public: str
    private: bytes | None
    """None: the pair was made elsewhere."""
    layout: Layout
    config: Config
    gateways: tuple[str, ...]
    """[ID=]HOST:PORT each."""
    pins: Mapping[str, tuple[str, ...]]
    client: Path | None
    """Where to write the client's configuration; None: nowhere."""
    key: Path
    """Where to write the private key for the device."""
    keep: bool
    """Keep the private key in the registry too."""

    @contextlib.contextmanager
    def handed_over(self, node: Node) -> Iterator[list[Path]]:
        """Write the files for the block, under the registry's lock, and remove them again if it
        fails. Raises ConfigError.
        """
        keys = host_keys(self.layout).keys if self.client is not None else ()
        contents = self.contents(node, keys)
        self.refuse_existing(node.name)
        kept = kept_key_path(self.layout, node.name)
        before = kept.read_bytes() if kept.exists() else None
        pins = read_pins(self.layout, node.name)
        try:
            for path, content in contents.items():
                write_secret(path, content)
            self.keep_this(kept, self.private if self.keep else None)
            if keys:
                note_pins(self.layout, node.name, pins_in_files(self.public, keys))
            yield list(contents)
        except BaseException:
            for path in contents:
                path.unlink(missing_ok=True)
            self.keep_this(kept, before)
            if keys:
                write_pins(self.layout, node.name, pins)
            raise

    @property
    def places(self) -> tuple[Path, ...]:
        """The files that are written for the device."""
        key = (self.key,) if self.private is not None else ()
        return (*key, *((self.client,) if self.client else ()))

    def refuse_existing(self, name: str) -> None:
        """Raise ConfigError if one of the files exists."""
        for path in self.places:
            if path.exists():
                raise ConfigError(
                    path,
                    "exists already, and may be in use; move it away, or name another file for"
                    f" node {name}",
                )

    def contents(self, node: Node, host_keys: Sequence[str]) -> dict[Path, bytes]:
        """What each file holds. Raises ConfigError."""
        files: dict[Path, bytes] = {}
        if self.private is not None:
            files[self.key] = self.private
        if self.client is not None:
            gateways = gateway_values(self.gateways, self.pins)
            files[self.client] = client_config(self.config, node, gateways, self.key, host_keys)
        return files

    def keep_this(self, path: Path, private: bytes | None) -> None:
        """Keep this private key at the gateway; None: keep none. Raises ConfigError."""
        if private is not None:
            write_secret(path, private)
        else:
            path.unlink(missing_ok=True)

    def report(self, written: Sequence[Path]) -> tuple[str, ...]:
        """A line for each file written, and what to know about the private key."""
        lines = [f"wrote {path}" for path in written]
        if self.keep:
            lines.append("the gateway keeps the private key too, as asked")
        if self.private is None and self.client:
            lines.append(
                f"put the private key of --public-key beside it on the device, as {self.key.name}"
            )
        return tuple(lines)


class GatewayUnknown(CheckerError):
    """No address is known at which a device could reach this gateway."""

    def __init__(self) -> None:
        super().__init__(
            "the gateway's address is unknown: give --gateway HOST:PORT, set gateway in"
            " reversi.toml, or start `up` first"
        )


def addresses(layout: Layout, config: Config, given: list[str] | None) -> list[str]:
    """[ID=]HOST:PORT of the gateways as given; else HOST:PORT of this one, as configured or where
    `up` last listened. Raises GatewayUnknown, InvalidValue.
    """
    if given:
        return [address_in(text) for text in given]
    if config.gateway:
        return list(config.gateway)
    try:
        return [listen_note(layout).read_text(encoding="ascii").strip()]
    except OSError:
        raise GatewayUnknown from None


def address_in(text: str) -> str:
    """Parse [ID=]HOST:PORT. Raises InvalidValue."""
    id_, sign, address = text.rpartition("=")
    return f"{id_}{sign}{parse_target(address, '--gateway')}"


def gateway_values(
    gateways: Sequence[str], pins: Mapping[str, tuple[str, ...]]
) -> list[str] | list[dict[str, Any]]:
    """`gateway` of the client's file: plain addresses, or tables if one of them has an ID. Raises
    InvalidValue for an address twice in tables, which the client refuses.
    """
    split = [text.rpartition("=") for text in gateways]
    if not any(id_ for id_, _, _ in split):
        return list(gateways)
    addresses = [address for _, _, address in split]
    for address in addresses:
        if addresses.count(address) > 1:
            raise InvalidValue(f"--gateway: {address} is named twice; leave one of them out")
    return [
        {
            "address": address,
            **({"id": id_} if id_ else {}),
            **({"host_key": list(pins[id_])} if id_ in pins else {}),
        }
        for id_, _, address in split
    ]


def client_forward(forward: Forward) -> dict[str, Any]:
    """A `[[forward]]` of the client's file, with the new port of a forward that moves."""
    port = forward.next_port or forward.port
    return {
        "port": port,
        "target": str(forward.target),
        **({"public": True} if forward.public else {}),
    }


def pins_in_files(public: str, keys: Sequence[str]) -> Pins:
    """What files that are made now pin, with the node's public key; empty if it is not in them."""
    return Pins(
        at=int(time.time()),
        node_key=fingerprint(public) if public else "",
        host_keys=tuple(map(as_pin, keys)),
    )


def client_config(
    config: Config,
    node: Node,
    gateways: list[str] | list[dict[str, Any]],
    key: Path,
    host_keys: Sequence[str],
) -> bytes:
    """The TOML file of `reversi-client run`. Raises ConfigError."""
    return tomli_w.dumps(
        {
            "node": node.name,
            "gateway": gateways,
            "user": config.tunnel_user,
            "host_key": list(host_keys),
            "key": key.name,
            "forward": [client_forward(forward) for forward in node.lasting],
        }
    ).encode()


def key_files(wish: KeyWish, layout: Layout, config: Config) -> KeyFiles:
    """Make a key pair, or read the public key that was given. Raises CheckerError."""
    if wish.public_key and (wish.keep or wish.kind):
        raise InvalidValue(
            "--public-key gives a key that exists; --key-type and --keep-key are for a key that is"
            " made here"
        )
    refuse_kept_key(config, is_kept=wish.keep)
    client = wish.client
    gateways = addresses(layout, config, list(wish.gateways)) if client else []
    if wish.public_key:
        private, public = None, read_public_key(wish.public_key)
    else:
        private, line = make_key_pair(f"reversi:{wish.name}", wish.kind or KeyType.ED25519)
        public = parse_public_key(line)
    return KeyFiles(
        public=public,
        private=private,
        layout=layout,
        config=config,
        gateways=tuple(gateways),
        pins=wish.pins,
        client=client,
        key=client.with_name(client.name + ".key") if client else unused(wish.folder, wish.name),
        keep=wish.keep,
    )


def refuse_kept_key(config: Config, *, is_kept: bool) -> None:
    """Raise InvalidValue if a gateway of a fleet is to keep a device's private key: whoever steals
    the gateway could pose as that device at the others.
    """
    if is_kept and config.fleet is not None:
        raise InvalidValue(
            "a gateway of a fleet keeps no device's private key; leave --keep-key out"
        )


def unused(folder: Path, name: str, taken: Collection[Path] = ()) -> Path:
    """The first of NAME.key, NAME-2.key, NAME-3.key ... that does not exist and is not taken: a key
    that does may be in use.
    """
    path = folder / f"{name}.key"
    for number in count(2):
        if path not in taken and not os.path.lexists(path):
            break
        path = folder / f"{name}-{number}.key"
    return path


def read_public_key(path: Path) -> str:
    """The public key in a file, or on standard input for `-`. Raises CheckerError."""
    try:
        text = (
            sys.stdin.read().removeprefix("\ufeff")
            if str(path) == "-"
            else decoded(path.read_bytes())
        )
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            path, "cannot be read as a public key; give the .pub file that ssh-keygen made"
        ) from error
    try:
        return parse_public_key(text)
    except InvalidValue as error:
        raise CheckerError(f"{path}: {error}") from error
