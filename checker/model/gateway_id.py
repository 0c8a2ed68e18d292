"""The ID of a gateway in a fleet, and the name of who may sign there."""

from __future__ import annotations

import re
from typing import NewType

from checker.model.errors import InvalidValue

GatewayId = NewType("GatewayId", str)
ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
SIGNER_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}\Z")
"""What ssh-keygen takes for one principal, and not for a pattern or a list of them."""


def parse_gateway_id(text: str) -> GatewayId:
    """Parse the ID of a gateway: 1 to 32 of a-z, 0-9 and hyphen. Raises InvalidValue."""
    if not ID_PATTERN.match(text):
        raise InvalidValue(
            f"{text[:80]!r} cannot be the ID of a gateway; use 1 to 32 of a-z 0-9 - and begin with"
            " a letter or digit, as in gw1"
        )
    return GatewayId(text)


def parse_signer(text: str) -> str:
    """Parse the name of a signer. Raises InvalidValue."""
    if not SIGNER_PATTERN.match(text):
        raise InvalidValue(
            f"{text[:80]!r} cannot name a signer; use 1 to 64 letters, digits and . _ @ + -, as"
            " before the key in allowed_signers"
        )
    return text
