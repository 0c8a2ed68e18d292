"""Making a node's key pair, and the files that its client needs."""

from __future__ import annotations

import subprocess
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any

import tomli_w

from checker.config import Config, ConfigError, Layout
from checker.model import CheckerError, Forward, Node, parse_target
from checker.registry import write_atomically


class GatewayUnknown(CheckerError):
    """No address of this gateway is known, so no client can be told."""

    def __init__(self) -> None:
        super().__init__(
            "the gateway's address is not known yet: give --gateway HOST:PORT, set gateway in"
            " reversi.toml, or start `up` first"
        )


class KeyType(StrEnum):
    """What `ssh-keygen -t` is told."""

    ED25519 = "ed25519"
    RSA = "rsa"
    """For dropbear as built for small flash."""


BITS: dict[KeyType, tuple[str, ...]] = {KeyType.ED25519: (), KeyType.RSA: ("-b", "3072")}


def make_key(path: Path, *, comment: str, kind: KeyType = KeyType.ED25519) -> None:
    """A key pair, without passphrase, at `path` and `path.pub`. Raises CheckerError."""
    command = [
        "ssh-keygen",
        "-q",
        "-t",
        kind.value,
        *BITS[kind],
        "-N",
        "",
        "-C",
        comment,
        "-f",
        str(path),
    ]
    try:
        made = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=30,
        )
    except FileNotFoundError as error:
        raise CheckerError(
            "ssh-keygen is not installed; as root, run: apt-get install openssh-client"
        ) from error
    if made.returncode:
        raise CheckerError(
            f"the key {path} can not be made: {made.stderr.strip() or made.stdout.strip()}"
        )


def make_key_pair(comment: str, kind: KeyType = KeyType.ED25519) -> tuple[bytes, str]:
    """A private key in OpenSSH's format, and its public line; neither stays on the disk. Raises
    CheckerError.
    """
    with tempfile.TemporaryDirectory(prefix="reversi-") as folder:
        path = Path(folder) / "key"
        make_key(path, comment=comment, kind=kind)
        return path.read_bytes(), path.with_suffix(".pub").read_text(encoding="ascii")


def host_key_line(path: Path) -> str:
    """The public host key, `TYPE BASE64`. Raises ConfigError."""
    public = path.with_name(path.name + ".pub")
    try:
        return " ".join(public.read_text(encoding="ascii").split()[:2])
    except OSError as error:
        raise ConfigError(
            public, f"can not be read ({error.strerror}); the node needs it to know its gateway"
        ) from error


def listen_note(layout: Layout) -> Path:
    """Where `up` notes the address that it was told to listen on."""
    return layout.run / "_gateway"


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


def write_secret(path: Path, content: bytes) -> None:
    """A file for its owner's eyes alone. Raises ConfigError."""
    write_atomically(path, content, mode=0o600)
    path.chmod(0o600)
