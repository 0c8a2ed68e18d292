"""Verify a signature of an operator without starting ssh-keygen, for those who see many.

It takes nothing: what may count is verified again, with ssh-keygen. Source: PROTOCOL.sshsig of
OpenSSH.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from checker.model import InvalidValue
from checker.model.ssh_signature import made_by
from checker.signatures import REGISTRY, AllowedKey, allowed_keys, names_all

MAGIC = b"SSHSIG"
VERSION = (1).to_bytes(4)
ED25519 = b"ssh-ed25519"
HASHES = (b"sha256", b"sha512")


def is_proven(
    text: bytes, signature: bytes, signer: str, allowed: Sequence[AllowedKey]
) -> bool | None:
    """Return whether a key of this signer signed the text for the registry; None: only ssh-keygen
    can say, as for another kind of key.
    """
    try:
        blob = base64.b64decode(b"".join(signature.split(b"\n")[1:-2]), validate=True)
        if not blob.startswith(MAGIC + VERSION):
            return False
        key, namespace, reserved, hash_name, signed = strings(blob[len(MAGIC) + 4 :])
        kind, raw = strings(key)
        if kind != ED25519:
            return None
        form, proof = strings(signed)
    except (ValueError, binascii.Error):
        return None
    if f"ssh-ed25519 {base64.b64encode(key).decode()}" not in {
        one.key
        for one in allowed
        if one.signer == signer and one.may(REGISTRY) and not one.is_dated
    }:
        return None  # a pattern, an authority, a date, or a key for another purpose
    if namespace != REGISTRY.encode() or hash_name not in HASHES or form != ED25519:
        return False
    digest = hashlib.new(hash_name.decode(), text).digest()
    parts = (namespace, reserved, hash_name, digest)
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(proof, MAGIC + b"".join(map(counted, parts)))
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signers:
    """Who may sign, to see quickly what cannot count."""

    keys: tuple[AllowedKey, ...]
    has_all: bool
    """Whether these are all keys that can count."""

    @classmethod
    def read(cls, path: Path) -> Signers:
        """Read allowed_signers. Raises ConfigError."""
        return cls(keys=allowed_keys(path), has_all=names_all(path))

    def may_have_signed(self, text: bytes, signature: bytes, signer: str) -> bool:
        """Return False if a signature cannot count; what may count is for ssh-keygen to decide."""
        if not signature or (self.has_all and not self.are_named_in(signature, signer)):
            return False
        return is_proven(text, signature, signer, self.keys) is not False

    def are_named_in(self, signature: bytes, signer: str) -> bool:
        """Return whether a signature names a key with which this signer may sign entries."""
        try:
            key = made_by(signature.strip() + b"\n").key
        except InvalidValue:
            return False
        return any(
            one.key == key and one.signer == signer and one.may(REGISTRY) for one in self.keys
        )


def counted(text: bytes) -> bytes:
    return len(text).to_bytes(4) + text


def strings(blob: bytes) -> list[bytes]:
    """Part a text of SSH strings. Raises ValueError."""
    found = []
    while blob:
        size = int.from_bytes(blob[:4])
        if len(blob) < 4 + size:
            raise ValueError("cut")
        found.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return found
