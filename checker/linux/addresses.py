"""Which addresses belong to this machine."""

from __future__ import annotations

import ipaddress
import socket

import psutil


def own_addresses() -> frozenset[str]:
    """Return the IP addresses of all interfaces, without zones."""
    return frozenset(
        one.address.partition("%")[0]
        for found in psutil.net_if_addrs().values()
        for one in found
        if one.family in (socket.AF_INET, socket.AF_INET6)
    )


def own_among(addresses: tuple[str, ...], own: frozenset[str]) -> tuple[str, ...]:
    """Return those of the addresses that are this machine's."""
    return tuple(
        address
        for address in addresses
        if address in own or ipaddress.ip_address(address).is_loopback
    )


def numbers_of(host: str, *, resolve: bool) -> tuple[str, ...]:
    """Return the IP addresses of a host: of a name only with `resolve`, which may take as long as
    the resolver does; none if it has none.
    """
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        if not resolve:
            return ()
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found))
