"""Values in a node's file that give no rights: a broken one is named, kept and ignored. Pure."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from checker.model import InvalidValue, parse_public_key


def host_key_in(value: Any) -> str:
    """Parse a host key, `TYPE BASE64`. Raises InvalidValue."""
    if not isinstance(value, str):
        raise InvalidValue(f"must be a text, not {value!r:.80}")
    key = parse_public_key(value)
    if not is_whole(base64.b64decode(key.split()[1])):
        raise InvalidValue(f"the host key {key[:40]}... is cut off")
    return key


def is_whole(blob: bytes) -> bool:
    """Return whether a key consists of whole fields. Source: RFC 4251, section 5, `string`."""
    at = 0
    while at < len(blob):
        at += 4 + int.from_bytes(blob[at : at + 4], "big")
    return at == len(blob)


PARSERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType({"host_key": host_key_in})
"""How to parse the value of each such key; the parser raises InvalidValue."""


def optional_in(table: Mapping[str, Any], key: str, default: Any) -> Any:
    """Parse the value of a key in PARSERS. Return `default` if it is missing, or cannot be used."""
    try:
        return PARSERS[key](table[key]) if key in table else default
    except InvalidValue:
        return default


def unusable_in(table: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield a clause for each key in PARSERS whose value cannot be used."""
    for key in sorted(PARSERS.keys() & table.keys()):
        if trouble := trouble_with(key, table[key]):
            yield f"{where}{key}: {trouble}"


def is_unusable(key: str, value: object) -> bool:
    """Return whether this value must stay in the file although nobody can use it."""
    return key in PARSERS and trouble_with(key, value) != ""


def trouble_with(key: str, value: object) -> str:
    try:
        PARSERS[key](value)
    except InvalidValue as error:
        return str(error)
    return ""
