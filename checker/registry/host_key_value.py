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
    parts_of_key,
    rsa_bits,
)

KEY = "host_key"
PARTS = {"ssh-ed25519": 2}
"""Fields of a key, its type too; other types have three."""
ED25519_BYTES = 32
LEAST_RSA_BITS = 1024
"""OpenSSH takes no shorter key. Source: sshkey.h, SSH_RSA_MINIMUM_MODULUS_SIZE."""


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
    kind, _, encoded = key.partition(" ")
    if not is_whole(kind, base64.b64decode(encoded)):
        raise InvalidValue(f"the {what} {key[:40]}... is cut off, or has too many parts")
    return key


def is_whole(kind: str, blob: bytes) -> bool:
    """Return whether a key of this type consists of its fields, and of nothing else."""
    parts = parts_of_key(blob)
    if parts is None or len(parts) != PARTS.get(kind, 3):
        return False
    return kind != "ssh-ed25519" or len(parts[1]) == ED25519_BYTES


def parse_device_key(value: Any) -> str:
    """Parse the public key of a device that nobody looked at. Raises InvalidValue, also for one
    with which sshd lets nobody in.
    """
    key = parse_host_key(value, "public key")
    bits = rsa_bits(key)
    if bits is not None and bits < LEAST_RSA_BITS:
        raise InvalidValue(
            f"sshd refuses an RSA key of {bits} bits; make a public key of 2048 bits or more"
        )
    return key
