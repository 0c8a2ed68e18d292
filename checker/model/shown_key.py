"""The host key that the target of a forward showed, and how it compares with the pinned one."""

from __future__ import annotations

from dataclasses import dataclass

from checker.model.node import NodeName, Port
from checker.model.public_key import fingerprint
from checker.model.tunnel import ProcessId


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKey:
    """What a target showed when its host key was last compared."""

    node: NodeName
    port: Port
    key: str
    """`TYPE BASE64`; the target proved that it has the private key."""
    pinned: str
    """The key that it was compared with, in the same form: its type was asked for first."""
    session: ProcessId
    """The sshd process that held the listener."""
    at: float
    """Unix seconds."""
    logged: str = ""
    """The pinned key from which `key` differs, once an event has said so; empty: none has."""


def type_of(key: str) -> str:
    return key.partition(" ")[0]


def is_comparable(shown: ShownKey, pinned: str) -> bool:
    """Whether what was shown tells anything about this pinned key: a target has a key of each
    type, and shows the one that it is asked for, if it has it.
    """
    return type_of(pinned) in (type_of(shown.key), type_of(shown.pinned))


def mismatch(shown: ShownKey | None, pinned: str) -> str:
    """Return how the key that was shown differs from the pinned one, as a clause; empty if it does
    not, or nobody knows.
    """
    if not pinned or shown is None or shown.key == pinned or not is_comparable(shown, pinned):
        return ""
    return (
        f"the host key {fingerprint(shown.key)} ({type_of(shown.key)}) came, but"
        f" {fingerprint(pinned)} ({type_of(pinned)}) is pinned"
    )
