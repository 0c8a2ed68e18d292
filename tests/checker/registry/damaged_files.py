"""Damage files of a registry in each way, and record them before."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal, get_args

from checker.config.layout import Layout
from checker.registry.kept_rights import key_lines
from checker.registry.key_lines import GateCommand
from checker.registry.last_good import renew_copy

COMMAND = GateCommand(
    python="/usr/bin/python3", gate="/opt/gate.py", home='/srv/a home, with "quotes"'
)


def record(layout: Layout) -> None:
    """Let the daemon write its record, some time after the last change."""
    layout.run.mkdir(parents=True, exist_ok=True)
    assert renew_copy(layout, {}, time.time_ns() + 10**10)


def lines(layout: Layout) -> set[str]:
    return set(key_lines(layout.authorized_keys.read_bytes()))


How = Literal["syntax", "value", "bytes", "size", "link", "directory"]
HOWS = get_args(How)


def damage(path: Path, how: How) -> None:
    match how:
        case "syntax":
            path.write_text("public_key = ")
        case "value":
            path.write_bytes(path.read_bytes().replace(b"20010", b"99999"))
        case "bytes":
            path.write_bytes(b"\xff\xfe")
        case "size":
            path.write_bytes(b"#" * (2 << 20))
        case "link":
            path.unlink()
            path.symlink_to("nowhere")
        case "directory":
            path.unlink()
            path.mkdir()
