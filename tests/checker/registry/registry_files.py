"""Write files of a registry, good and bad ones."""

from __future__ import annotations

from pathlib import Path

from checker.config.layout import Layout
from checker.registry.key_lines import GateCommand
from tests.strategies import public_key

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")


def write(layout: Layout, name: str, text: str | bytes) -> Path:
    layout.nodes.mkdir(parents=True, exist_ok=True)
    path = layout.nodes / f"{name}.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def node_text(number: int = 1, port: int = 20010, more: str = "") -> str:
    return (
        f'public_key = "{public_key(number)}"\n[[forward]]\nport = {port}\ntarget ='
        f' "127.0.0.1:22"\n{more}'
    )
