"""Whose a port is: the listeners that a probe of it reaches, and the user they belong to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from checker.model import IPV4_LOOPBACK, IPV6_LOOPBACK, Listener

REACHED_AT = {
    IPV4_LOOPBACK: ("127.0.0.1", "0.0.0.0", "::"),  # noqa: S104 - named, not bound
    IPV6_LOOPBACK: ("::1", "::"),
}
"""Addresses of listeners that a connection to this loopback address can reach, narrowest first;
`::` may be dual.
"""


class Owner(Enum):
    """Who owns the listener, by its uid."""

    NOBODY = "nobody"
    OURS = "ours"
    FOREIGN = "foreign"


def loopback_of(listeners: Sequence[Listener]) -> str:
    """Return the loopback address to probe: 127.0.0.1, or ::1 if all listeners of the port are on
    IPv6 (sshd's `AddressFamily inet6`).
    """
    found = {listener.address for listener in listeners}
    if found & {"127.0.0.1", "0.0.0.0"}:  # noqa: S104 - compared with
        return IPV4_LOOPBACK
    return IPV6_LOOPBACK if found & {"::1", "::"} else IPV4_LOOPBACK  # sshd's `::` is never dual


def owner_of(listeners: Sequence[Listener], uid: int) -> Owner:
    """Return who owns the port; `uid` is the tunnel user's.

    One listener of another user on the probed address makes it foreign.
    """
    near = [
        listener for listener in listeners if listener.address in REACHED_AT[loopback_of(listeners)]
    ]
    if not near:
        return Owner.NOBODY
    return Owner.OURS if all(listener.uid == uid for listener in near) else Owner.FOREIGN


def reached(listeners: Sequence[Listener]) -> tuple[Listener, ...]:
    """Return the listeners that a probe reaches.

    If another program has the port on 127.0.0.1, sshd can still bind it on ::1.
    """
    near = REACHED_AT[loopback_of(listeners)]
    found = {
        address: tuple(listener for listener in listeners if listener.address == address)
        for address in near
    }
    return next((those for those in found.values() if those), ())
