"""Host keys in a node's file: a broken value is named, kept and ignored. Pure.

A pinned host key gives no rights at the gateway, so a wrong one must never lock a device out.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from checker.model import (
    SSH_BANNER,
    ExpectKind,
    Forward,
    InvalidValue,
    Node,
    parse_public_key,
)

KEY = "host_key"


def host_key_in(table: Mapping[str, Any]) -> str:
    """Return the host key that a forward's table pins, as `TYPE BASE64`; empty if there is none, or
    it is broken.
    """
    try:
        return parse_host_key(table[KEY]) if KEY in table else ""
    except InvalidValue:
        return ""


def broken_host_key(table: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield a clause if the host key in a forward's table is broken."""
    try:
        if KEY in table:
            parse_host_key(table[KEY])
    except InvalidValue as error:
        yield f"{where}{KEY}: {error}"


def is_broken_host_key(key: str, value: object) -> bool:
    """Return whether this is a host key that nobody can use: it stays as the admin wrote it."""
    return key == KEY and any(broken_host_key({KEY: value}, ""))


def for_shared_key(node: Node) -> Node:
    """Return the node with an SSH banner in place of `hostkey` if the shared key speaks for it, and
    a clause about each such forward.

    There another answer than expected leads to a kill, which a host key never may.
    """
    wrong = [number for number, one in enumerate(node.forwards, start=1) if asks_for_key(one)]
    if not wrong or not node.is_shared:
        return node
    forwards = (
        replace(one, expect=SSH_BANNER) if asks_for_key(one) else one for one in node.forwards
    )
    clauses = (
        f"forward {number}: expect hostkey needs a key of the node's own; {SSH_BANNER} is used"
        for number in wrong
    )
    return replace(node, forwards=tuple(forwards), unknown_keys=(*node.unknown_keys, *clauses))


def why_not_shared(node: Node) -> str:
    """Return why the node must not expect host keys, as a sentence; empty if it may."""
    port = next((one.port for one in node.forwards if asks_for_key(one)), None)
    if port is None or not node.is_shared:
        return ""
    return (
        f"node {node.name} has no key of its own yet, and its port {port} is anyone's who has the"
        f" shared key, so it cannot expect hostkey; expect {SSH_BANNER} until you gave it a key"
        f" (reversi-checker node rekey {node.name})"
    )


def asks_for_key(forward: Forward) -> bool:
    return forward.expect.kind is ExpectKind.HOSTKEY


def parse_host_key(value: Any, what: str = "host key") -> str:
    """Parse a host key, `TYPE BASE64`, or another key that only a program wrote. Raises
    InvalidValue.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"must be a text, not {value!r:.80}")
    key = parse_public_key(value)
    if not is_whole(base64.b64decode(key.split()[1])):
        raise InvalidValue(f"the {what} {key[:40]}... is cut off")
    return key


def is_whole(blob: bytes) -> bool:
    """Return whether a key consists of whole fields. Source: RFC 4251, section 5, `string`."""
    at = 0
    while at < len(blob):
        at += 4 + int.from_bytes(blob[at : at + 4], "big")
    return at == len(blob)
