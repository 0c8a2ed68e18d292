"""What `init` is told about an old fleet, and the shared key's table in reversi.toml. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.config.toml_file import ConfigError
from checker.model import KEY_TYPES, InvalidValue, parse_public_key

KEY = re.compile(rf"(?:^|\s)((?:{'|'.join(map(re.escape, KEY_TYPES))})\s+\S+)")
"""A key in a line of authorized_keys, after its options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetWish:
    """What `init` was told."""

    tunnel_user: str = ""
    """The account that the devices log in to; empty: as configured, or the default."""
    keys: tuple[str, ...] = ()
    """Public keys, as `TYPE BASE64`."""
    ports: tuple[str, ...] = ()
    """Ranges and ports, as reversi.toml has them; empty: the present ones, or the default."""
    leave_behind: bool = False
    """Whether to go on although devices that are logged in could not log in again."""

    def __bool__(self) -> bool:
        """Whether reversi.toml must say something else."""
        return bool(self.keys or self.ports)


def keys_in(text: str, path: Path) -> tuple[str, ...]:
    """Return each key of a .pub file, or of an authorized_keys file, whose options are dropped.
    Raises ConfigError.
    """
    if "PRIVATE KEY" in text:
        raise ConfigError(
            path, f"is the private half; make the public one: ssh-keygen -y -f {path} >{path}.pub"
        )
    lines = [line.strip() for line in text.splitlines()]
    found = [key_of(line, path) for line in lines if line and not line.startswith("#")]
    if not found:
        raise ConfigError(path, "has no public key; give the .pub file of the devices' key")
    return tuple(dict.fromkeys(found))


def key_of(line: str, path: Path) -> str:
    """Raises ConfigError."""
    key = KEY.search(line)
    try:
        return parse_public_key(key[1] if key else line)
    except InvalidValue as error:
        raise ConfigError(path, str(error)) from error


def with_shared_key(text: str, wish: FleetWish, path: Path) -> str:
    """Return reversi.toml with the shared key on, and these keys beside those that it has; the rest
    of the text stays. Raises ConfigError.
    """
    import tomlkit  # slow to load, and needed only to write
    from tomlkit.exceptions import ParseError
    from tomlkit.items import Table

    try:
        document = tomlkit.parse(text)
    except ParseError as error:
        raise ConfigError(path, f"is not valid TOML: {error}") from error
    table = document.get("shared_key")
    if not isinstance(table, Table):
        table = tomlkit.table()
        document["shared_key"] = table
    if table.get("enabled") is not True:
        table["enabled"] = True
    present = table.get("public_key", [])
    known = [present] if isinstance(present, str) else list(present)
    if missing := missing_keys(known, wish.keys):
        together = [str(key) for key in (*known, *missing)]
        table["public_key"] = together[0] if len(together) == 1 else together
    ports = wish.ports[0] if len(wish.ports) == 1 else list(wish.ports)
    if ports and table.get("ports") != ports:
        table["ports"] = ports
    return tomlkit.dumps(document)


def missing_keys(known: Sequence[object], wanted: Sequence[str]) -> list[str]:
    """Return the wanted keys that the file does not have, whatever comments it has with them."""
    there = {" ".join(str(key).split()[:2]) for key in known}
    return [key for key in wanted if key not in there]
