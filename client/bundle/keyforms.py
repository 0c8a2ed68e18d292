"""Convert a node's private key from OpenSSH's format to dropbear's."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHPrivateKeyTypes,
    load_ssh_private_key,
)

from checker.model import decoded

CURVES = {"secp256r1": "nistp256", "secp384r1": "nistp384", "secp521r1": "nistp521"}


class KeyUnusable(ValueError):
    """A private key cannot go into a bundle; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyForms:
    """A private key in both formats, and its public key."""

    openssh: str
    dropbear: bytes
    public: str
    """`TYPE BASE64`."""


def ssh_string(content: bytes) -> bytes:
    """Return an SSH string. Source: RFC 4251, section 5."""
    return len(content).to_bytes(4, "big") + content


def ssh_number(number: int) -> bytes:
    """Return a positive SSH mpint: a zero byte comes first if the highest bit is set.

    Source: RFC 4251, section 5.
    """
    return ssh_string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")


def dropbear_form(key: SSHPrivateKeyTypes) -> bytes:
    """Return the content of a key file that dropbear reads. Raises KeyUnusable.

    Source: dropbear 2022.83, signkey.c and the buf_put_*_priv_key functions.
    """
    match key:
        case Ed25519PrivateKey():
            seed = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
            public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return ssh_string(b"ssh-ed25519") + ssh_string(seed + public)
        case RSAPrivateKey():
            private = key.private_numbers()
            numbers = (
                private.public_numbers.e,
                private.public_numbers.n,
                private.d,
                private.p,
                private.q,
            )
            return ssh_string(b"ssh-rsa") + b"".join(map(ssh_number, numbers))
        case EllipticCurvePrivateKey() if key.curve.name in CURVES:
            curve = CURVES[key.curve.name].encode()
            point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            number = ssh_number(key.private_numbers().private_value)
            return (
                ssh_string(b"ecdsa-sha2-" + curve) + ssh_string(curve) + ssh_string(point) + number
            )
        case _:
            raise KeyUnusable(
                "dropbear does not support this type of key; give the node an ed25519 or RSA key"
            )


def read_key(content: bytes) -> KeyForms:
    """Read a private key in OpenSSH's format. Raises KeyUnusable."""
    try:
        text = decoded(content).replace("\r\n", "\n").strip()
        key = load_ssh_private_key(text.encode("ascii") + b"\n", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(
            "not a private key in OpenSSH's format without a passphrase; ssh-keygen makes and"
            " converts such keys"
        ) from error
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
    return KeyForms(openssh=text, dropbear=dropbear_form(key), public=public)


def escaped(content: bytes) -> str:
    r"""Return ASCII text that `printf %b` turns into these bytes. See printf(1p).

    All but plain characters become \0 with three octal digits.
    """
    plain = set(
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#%()*+,-./:;<=>?@[]^_{|}~"
    )
    return "".join(chr(byte) if byte in plain else f"\\0{byte:03o}" for byte in content)
