"""Where sshd listens, and whether that fits the addresses that devices are given. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from checker.model import Target

SOCKET = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[^:\s]+)):(?P<port>\d+)")
EVERYWHERE = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """A listening TCP socket."""

    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """An address of the gateway on whose port nothing listens here."""

    gateway: str
    """HOST:PORT, as the settings say."""
    port: int
    sshd_ports: tuple[int, ...]
    is_own: bool
    """Whether the host is this machine; another one may pass connections on to sshd's port."""

    @property
    def sentence(self) -> str:
        listens = " and ".join(map(str, self.sshd_ports))
        listens = f"sshd listens on port {listens}" if listens else "sshd listens nowhere"
        if self.is_own:
            return (
                f"gateway names {self.gateway}, an address of this machine, but nothing listens"
                f" there: {listens}"
            )
        return (
            f"gateway names port {self.port} ({self.gateway}), but {listens}: devices get in only"
            f" if something in front passes port {self.port} on"
        )


def sshd_sockets(effective: Mapping[str, str]) -> tuple[Socket, ...]:
    """Return where sshd listens, by its effective settings."""
    return tuple(
        Socket(address=found["six"] or found["four"], port=int(found["port"]))
        for found in SOCKET.finditer(effective.get("listenaddress", ""))
    )


def unheard(
    gateways: Iterable[Target],
    sshd: Collection[Socket],
    others: Collection[Socket],
    own: Mapping[str, Collection[str]],
) -> tuple[Unheard, ...]:
    """Return the gateway addresses on whose port nothing listens.

    `others`: the listening sockets of this machine, also those of other programs: a proxy or
    systemd may listen for sshd. `own`: by host, those of its addresses that are this machine's.
    """
    return tuple(
        Unheard(
            gateway=str(gateway),
            port=gateway.port,
            sshd_ports=tuple(sorted({socket.port for socket in sshd})),
            is_own=bool(own.get(gateway.host)),
        )
        for gateway in gateways
        if not is_heard(gateway, (*sshd, *others), own.get(gateway.host, ()))
    )


def is_heard(gateway: Target, sockets: Collection[Socket], own: Collection[str]) -> bool:
    """Return whether a socket accepts connections to the gateway's port: at one of its own
    addresses, or, if it is another machine, at any address that others can reach.
    """
    at_port = [socket for socket in sockets if socket.port == gateway.port]
    if own:
        return any(covers(socket.address, address) for socket in at_port for address in own)
    return any(not is_loopback(socket.address) for socket in at_port)


def covers(listening: str, address: str) -> bool:
    """Return whether a socket at `listening` accepts connections to `address`."""
    return listening in EVERYWHERE or usual_form(listening) == usual_form(address)


def usual_form(address: str) -> str:
    """Return the address in its usual form; a host name as it is."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(number, "ipv4_mapped", None)
    return str(mapped or number)


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(usual_form(address)).is_loopback
    except ValueError:
        return False
