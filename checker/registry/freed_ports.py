"""Gateway ports that belonged to a node lately: old notes may still name them, so allot them last.

They are listed in `freed-ports.toml` beside the registry's folder. Whoever changes the registry
writes it, under the registry's lock.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checker.config.toml_file import ConfigError, read_toml
from checker.model import CheckerError, FreedPort, NodeName, Port, parse_name, parse_port
from checker.registry.kept_rights import key_lines
from checker.registry.nodes import FreedPorts

log = logging.getLogger(__name__)
KEPT_S = 30 * 86400.0
"""After this many seconds, a freed port is like any other."""
LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""The latest time that can be written in UTC, whatever offset the file gives."""
HEADING = (
    "# Gateway ports freed in the last 30 days: allotted last. To take one all the same: node add"
    " NAME --forward PORT=HOST:PORT\n"
)


def freed_path(folder: Path) -> Path:
    """Return the file's path for the registry in this folder."""
    return folder.with_name("freed-ports.toml")


def read_freed(folder: Path, now: float) -> dict[Port, FreedPort]:
    """Read the ports that were freed lately; none if there is no file. Raises ConfigError."""
    path = freed_path(folder)
    if not path.exists():
        return {}
    found = (freed_from(path, key, value) for key, value in read_toml(path).items())
    return {one.port: one for one in found if now - one.freed_at < KEPT_S}


def read_freed_or_none(folder: Path, now: float) -> tuple[dict[Port, FreedPort], str]:
    """Read them, or say in a sentence why they cannot be read."""
    try:
        return read_freed(folder, now), ""
    except ConfigError as error:
        return {}, f"{error}; until it can be read, freed ports may be allotted again"


def freed_from(path: Path, key: str, value: Any) -> FreedPort:
    """Parse one line of the file. Raises ConfigError."""
    at = value.get("freed_at") if isinstance(value, dict) else None
    if not isinstance(at, datetime):
        raise ConfigError(
            path,
            f'{key[:40]} must look like 20003 = {{ node = "barn", freed_at ='
            " 2026-11-26T08:00:00Z }",
        )
    try:
        port, node = parse_port(key), parse_name(str(value.get("node", "")))
    except CheckerError as error:
        raise ConfigError(path, str(error)) from error
    return FreedPort(
        port=port, node=node, freed_at=min(at.replace(tzinfo=at.tzinfo or UTC).timestamp(), LATEST)
    )


def freed_toml(freed: Iterable[FreedPort]) -> bytes:
    """Render the file, one line per port."""
    lines = (
        f'{one.port} = {{ node = "{one.node}", freed_at ='
        f" {datetime.fromtimestamp(int(one.freed_at), UTC):%Y-%m-%dT%H:%M:%SZ} }}\n"
        for one in sorted(freed, key=lambda one: one.port)
    )
    return (HEADING + "".join(lines)).encode()


def vanished_lines(present: bytes, wanted: bytes) -> bytes:
    """Return the lines of a key file that disappear."""
    kept = set(wanted.split(b"\n"))
    return b"\n".join(line for line in present.split(b"\n") if line not in kept)


def owners_of(lines: bytes) -> dict[Port, NodeName]:
    """Return the ports of key lines, and the owner of each."""
    found = key_lines(lines)
    return {port: name for name, lines in found.items() for line in lines for port in line.ports}


def freed_after(
    known: FreedPorts, before: Mapping[Port, NodeName], in_use: Collection[Port], now: float
) -> dict[Port, FreedPort]:
    """Return the freed ports after a change: the earlier ones and those that had an owner before
    it, without those in use now.
    """
    fresh = {port: FreedPort(port=port, node=name, freed_at=now) for port, name in before.items()}
    return {port: one for port, one in {**known, **fresh}.items() if port not in in_use}
