"""The pinned host keys of nodes as OpenSSH's known_hosts file has them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from checker.model import Forward, host_key_alias


def known_hosts_lines(forwards: Iterable[Forward]) -> tuple[str, ...]:
    """Return a line for each pinned key, `ALIAS TYPE BASE64`, sorted, each once: several forwards
    may lead to one target.
    """
    return tuple(
        sorted({f"{host_key_alias(one)} {one.host_key}" for one in forwards if one.host_key})
    )
