"""The identity key of a gateway: sign what it says, and tell whether another one said something."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from checker.config.layout import Layout
from checker.config.toml_file import MOST_BYTES, ConfigError, beginning
from checker.fleet.card_files import identity_path
from checker.fleet.sayings import SIGNATURE_BYTES, packed, signed_part, unpacked
from checker.fleet.secret_files import secret_path
from checker.model import InvalidValue


class Identity:
    """Our own key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self.key = key

    def sealed(self, subject: str, body: bytes) -> bytes:
        """Return a message: the signature, and the packed body. Raises InvalidValue."""
        content = packed(body)
        return self.key.sign(signed_part(subject, content)) + content


def own_identity(layout: Layout) -> Identity:
    """Load this gateway's key. Raises ConfigError."""
    path = secret_path(identity_path(layout), os.environ)
    try:
        key = load_ssh_private_key(beginning(path, MOST_BYTES), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(path, f"is not a private key without a passphrase ({error})") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(path, "must be an ed25519 key")
    return Identity(key)


class Known:
    """The key of another gateway, as its card says."""

    def __init__(self, public_key: str) -> None:
        """`TYPE BASE64`. Raises InvalidValue."""
        try:
            key = load_ssh_public_key(public_key.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidValue("the identity on its card is not a key that we know") from error
        if not isinstance(key, Ed25519PublicKey):
            raise InvalidValue("the identity on its card must be an ed25519 key")
        self.key = key

    def opened(self, subject: str, message: bytes) -> bytes | None:
        """Return the body; None if that gateway did not say this. Raises InvalidValue."""
        signature, content = message[:SIGNATURE_BYTES], message[SIGNATURE_BYTES:]
        try:
            self.key.verify(signature, signed_part(subject, content))
        except InvalidSignature:
            return None
        return unpacked(content)
