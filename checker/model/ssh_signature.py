"""Which key made a signature of `ssh-keygen -Y sign`, and for which purpose. Pure.

This proves nothing: only ssh-keygen decides whether a signature is genuine. It shows quickly that
one cannot count. Source: PROTOCOL.sshsig of OpenSSH.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from checker.model.errors import InvalidValue
from checker.model.public_key import parse_public_key, parts_of_key

BEGIN, END = b"-----BEGIN SSH SIGNATURE-----\n", b"\n-----END SSH SIGNATURE-----\n"
MAGIC = b"SSHSIG\0\0\0\1"
"""With the version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBy:
    """What a signature says of itself."""

    key: str
    """`TYPE BASE64`."""
    namespace: str


def made_by(armoured: bytes) -> MadeBy:
    """Read what an armoured signature says. Raises InvalidValue."""
    if not (armoured.startswith(BEGIN) and armoured.endswith(END)):
        raise InvalidValue("it has no signature of ssh-keygen")
    try:
        lines = armoured[len(BEGIN) : -len(END)].replace(b"\n", b"")
        magic, blob = (whole := base64.b64decode(lines, validate=True))[:10], whole[10:]
        key, namespace, *rest = parts_of_key(blob) or []
        kind = (parts_of_key(key) or [b""])[0].decode("ascii")
        made = MadeBy(
            key=parse_public_key(f"{kind} {base64.b64encode(key).decode()}"),
            namespace=namespace.decode("ascii"),
        )
    except ValueError:
        raise InvalidValue("its signature is damaged") from None
    if magic != MAGIC or len(rest) != 3:
        raise InvalidValue("its signature is of another version")
    return made
