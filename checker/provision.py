"""Making a node's key pair, and the files that its client needs."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import tomli_w

from checker.config import Config, Layout
from checker.model import CheckerError, Node
from checker.registry import write_atomically
from checker.sshd import host_key_line


class GatewayUnknown(CheckerError):
    """No address of this gateway is known, so no client can be told."""

    def __init__(self) -> None:
        super().__init__(
            "the gateway's address is not known yet: give --gateway HOST:PORT, set gateway in reversi.toml, or start `up` first"
        )


def make_key_pair(comment: str) -> tuple[bytes, str]:
    """An ed25519 private key in OpenSSH's format, and its public line. Raises CheckerError."""
    with tempfile.TemporaryDirectory(prefix="reversi-") as folder:
        path = Path(folder) / "key"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
        try:
            made = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=30)
        except FileNotFoundError as error:
            raise CheckerError("ssh-keygen is not installed; as root, run: apt-get install openssh-client") from error
        if made.returncode:
            raise CheckerError(f"no key can be made: {made.stderr.strip() or made.stdout.strip()}")
        return path.read_bytes(), path.with_suffix(".pub").read_text(encoding="ascii")


def listen_note(layout: Layout) -> Path:
    """Where `up` notes the address that it was told to listen on."""
    return layout.run / "gateway"


def addresses(layout: Layout, config: Config, given: list[str] | None) -> list[str]:
    """HOST:PORT of this gateway, as told, as configured, or as `up` last listened. Raises GatewayUnknown."""
    if given:
        return given
    if config.gateway:
        return list(config.gateway)
    try:
        return [listen_note(layout).read_text(encoding="ascii").strip()]
    except OSError:
        raise GatewayUnknown from None


def client_config(layout: Layout, config: Config, node: Node, gateways: list[str], key: Path) -> bytes:
    """The TOML file of `reversi-client run`. Raises ConfigError."""
    return tomli_w.dumps(
        {
            "node": node.name,
            "gateway": gateways,
            "user": config.tunnel_user,
            "host_key": [host_key_line(layout.host_key)],
            "key": key.name,
            "forward": [{"port": forward.port, "target": str(forward.target)} for forward in node.forwards],
        }
    ).encode()


def write_secret(path: Path, content: bytes) -> None:
    """A file for its owner's eyes alone. Raises ConfigError."""
    write_atomically(path, content, mode=0o600)
    path.chmod(0o600)
