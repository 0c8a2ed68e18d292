"""A valid configuration, as text and as a value."""

from __future__ import annotations

from pathlib import Path

from client.config import Config, parse_config

TEXT = """\
node = "office"
gateway = ["127.0.0.1:2222", "[::1]:2222"]
user = "reversi"
host_key = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtQUDZWhs8k/cZcykMkaoX7ZE7DXld8TP79HyddMVTS"]
key = "office.key"

[[forward]]
port = 20010
target = "127.0.0.1:22"

[[forward]]
port = 20011
target = "mail.lan:25"
"""


def config(path: Path = Path("/nowhere/office.toml"), text: str = TEXT) -> Config:
    return parse_config(path, text)


def with_ids(*ids: str) -> str:
    """The text with gateways g1, g2 ... of these IDs; an empty one is left out."""
    tables = [
        f'{{address = "g{number}:22"{f", id = {chr(34)}{id_}{chr(34)}" if id_ else ""}}}'
        for number, id_ in enumerate(ids, 1)
    ]
    return TEXT.replace('["127.0.0.1:2222", "[::1]:2222"]', f"[{', '.join(tables)}]")
