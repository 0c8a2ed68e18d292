"""Making a node's key pair, and the files that its client needs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
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
    parse_public_key,
    parse_target,
)
from checker.registry.changes import kept_key_path
from checker.sshd.keygen import host_key_line, make_key_pair


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """Where a node's key comes from and goes to."""

    name: str
    kind: KeyType | None = None
    """Of the pair that is made; None: the default."""
    public_key: Path | None = None
    """The node's own; None: a pair is made."""
    client: Path | None = None
    """The client's configuration, where one is asked for; the private key lies beside it."""
    folder: Path = Path()
    """Where the private key goes without one."""
    keep: bool = False
    gateways: tuple[str, ...] = ()
    """As told; empty: as known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """A key, and the files that it goes to."""

    public: str
    private: bytes | None
    """None: it was made elsewhere, and is not known here."""
    layout: Layout
    config: Config
    gateways: tuple[str, ...]
    client: Path | None
    """The client's configuration, where one is asked for."""
    key: Path
    """Where the private key is handed over."""
    keep: bool

    @contextlib.contextmanager
    def handed_over(self, node: Node) -> Iterator[list[Path]]:
        """The files, written; removed again where the block fails. Raises ConfigError."""
        contents: dict[Path, bytes] = {}
        if self.private is not None:
            contents[self.key] = self.private
        if self.client is not None:
            contents[self.client] = client_config(
                self.layout, self.config, node, list(self.gateways), self.key
            )
        for path in contents:
            if path.exists():
                raise ConfigError(
                    path,
                    "is there already, and may be in use; move it away, or name another file for"
                    f" node {node.name}",
                )
        kept = kept_key_path(self.layout, node.name)
        before = kept.read_bytes() if kept.exists() else None
        try:
            for path, content in contents.items():
                write_secret(path, content)
            self.keep_this(kept, self.private if self.keep else None)
            yield list(contents)
        except BaseException:
            for path in contents:
                path.unlink(missing_ok=True)
            self.keep_this(kept, before)
            raise

    def keep_this(self, path: Path, private: bytes | None) -> None:
        """The private key that the gateway keeps is this one, or none. Raises ConfigError."""
        if private is not None:
            write_secret(path, private)
        else:
            path.unlink(missing_ok=True)

    def report(self, written: list[Path]) -> tuple[str, ...]:
        """What became of the private key, a line each."""
        kept = ("the private key is kept at the gateway too, as asked",) if self.keep else ()
        brought = (
            (
                (
                    "the private key of --public-key belongs beside it on the device, as"
                    f" {self.key.name}"
                ),
            )
            if self.private is None
            else ()
        )
        return (*(f"wrote {path}" for path in written), *kept, *(brought if self.client else ()))


class GatewayUnknown(CheckerError):
    """No address of this gateway is known, so no client can be told."""

    def __init__(self) -> None:
        super().__init__(
            "the gateway's address is not known yet: give --gateway HOST:PORT, set gateway in"
            " reversi.toml, or start `up` first"
        )


def addresses(layout: Layout, config: Config, given: list[str] | None) -> list[str]:
    """HOST:PORT of this gateway, as told, as configured, or as `up` last listened. Raises
    GatewayUnknown, InvalidValue.
    """
    if given:
        return [str(parse_target(address)) for address in given]
    if config.gateway:
        return list(config.gateway)
    try:
        return [listen_note(layout).read_text(encoding="ascii").strip()]
    except OSError:
        raise GatewayUnknown from None


def client_forward(forward: Forward) -> dict[str, Any]:
    """A `[[forward]]` of the client's file."""
    port = forward.next_port or forward.port  # of a forward that moves, its device is told where to
    return {
        "port": port,
        "target": str(forward.target),
        **({"public": True} if forward.public else {}),
    }


def client_config(
    layout: Layout, config: Config, node: Node, gateways: list[str], key: Path
) -> bytes:
    """The TOML file of `reversi-client run`. Raises ConfigError."""
    return tomli_w.dumps(
        {
            "node": node.name,
            "gateway": gateways,
            "user": config.tunnel_user,
            "host_key": [host_key_line(layout.host_key)],
            "key": key.name,
            "forward": [client_forward(forward) for forward in node.forwards],
        }
    ).encode()


def key_files(wish: KeyWish, layout: Layout, config: Config) -> KeyFiles:
    """A key and where it goes; a pair is made where no key is brought. Raises CheckerError."""
    if wish.public_key and (wish.keep or wish.kind):
        raise InvalidValue(
            "--public-key brings a key; --key-type and --keep-key are about one that is made here"
        )
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
        client=client,
        key=client.with_name(client.name + ".key") if client else unused(wish.folder, wish.name),
        keep=wish.keep,
    )


def unused(folder: Path, name: str) -> Path:
    """NAME.key, or NAME-2.key, NAME-3.key ...: a key that is there already may be in use."""
    path = folder / f"{name}.key"
    for number in count(2):
        if not os.path.lexists(path):
            break
        path = folder / f"{name}-{number}.key"
    return path


def read_public_key(path: Path) -> str:
    """The key of a file, or of stdin. Raises CheckerError."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            path, "can not be read as a public key; give the .pub file that ssh-keygen made"
        ) from error
    try:
        return parse_public_key(text)
    except InvalidValue as error:
        raise CheckerError(f"{path}: {error}") from error
