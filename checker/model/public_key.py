"""A public key: its types, its parser, its fingerprint."""

from __future__ import annotations

import base64
import struct
from enum import StrEnum

from checker.model.errors import InvalidValue
from checker.model.text import printable


class KeyType(StrEnum):
    """Types of keys that we make; the argument of `ssh-keygen -t`."""

    ED25519 = "ed25519"
    RSA = "rsa"
    """For builds of dropbear for small flash."""


KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
)


def parse_public_key(text: str) -> str:
    """Parse a .pub file with one key into `TYPE BASE64`, without the comment. Raises
    InvalidValue.
    """
    lines = [
        line.split()
        for line in text.splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    words = lines[0] if lines else []
    if len(words) < 2 or words[0] not in KEY_TYPES:
        raise InvalidValue(
            f"not a public key: {text[:40]!r}; give one line that begins with one of"
            f" {', '.join(KEY_TYPES[:3])}"
        )
    if len(lines) > 1:
        raise InvalidValue(
            f"there are {len(lines)} lines, and a node has one key; give only that line"
        )
    try:
        blob = base64.b64decode(words[1], validate=True)
        (length,) = struct.unpack_from(">I", blob)
    except (ValueError, struct.error) as error:
        raise InvalidValue(
            f"the public key {printable(words[1], 20)}... is not whole; copy the line of the .pub"
            " file again"
        ) from error
    if blob[4 : 4 + length] != words[0].encode() or len(blob) < 4 + length + 16:
        raise InvalidValue(
            f"the public key {words[1][:20]}... is cut off, or is not a {words[0]} key"
        )
    return f"{words[0]} {base64.b64encode(as_sshd_reads(words[0], blob)).decode()}"


def parts_of_key(blob: bytes) -> list[bytes] | None:
    """The fields of a key; None if it does not consist of whole fields. Source: RFC 4251, section
    5, `string`.
    """
    parts, at = [], 0
    while at < len(blob):
        length = int.from_bytes(blob[at : at + 4], "big")
        parts.append(blob[at + 4 : at + 4 + length])
        at += 4 + length
    return parts if at == len(blob) else None


def as_sshd_reads(kind: str, blob: bytes) -> bytes:
    """Return an RSA key without needless zeros before its numbers, other keys as they are.

    OpenSSH skips these zeros, so one key would have many fingerprints here, and a second node with
    it would take the first one's logins. Source: sshbuf-getput-crypto.c, sshbuf_get_bignum2.
    """
    parts = parts_of_key(blob) if kind == "ssh-rsa" else None
    if parts is None:
        return blob
    numbers = (part.lstrip(b"\0") for part in parts[1:])
    plain = [parts[0], *(b"\0" + one if one[:1] >= b"\x80" else one for one in numbers)]
    return b"".join(struct.pack(">I", len(part)) + part for part in plain)


def rsa_bits(key: str) -> int | None:
    """The bits of an RSA key's modulus; None for other types. Source: RFC 4253, section 6.6."""
    kind, _, encoded = key.partition(" ")
    if kind != "ssh-rsa":
        return None
    blob = base64.b64decode(encoded)
    at = 0
    for _ in ("type", "exponent"):
        at += 4 + int.from_bytes(blob[at : at + 4], "big")
    return int.from_bytes(blob[at + 4 :], "big").bit_length()


def fingerprint(public_key: str) -> str:
    """The fingerprint of `TYPE BASE64` as sshd writes it: SHA256:..."""
    import hashlib  # slow to load: it brings OpenSSL

    digest = hashlib.sha256(base64.b64decode(public_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
