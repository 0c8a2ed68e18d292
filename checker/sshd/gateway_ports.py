"""Compare the gateway's addresses with the sockets that listen on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from checker.linux.addresses import numbers_of, own_addresses, own_among
from checker.linux.sockets import read_listeners
from checker.model import Target, parse_target
from checker.sshd.listening import Socket, Unheard, sshd_sockets, unheard


def unheard_here(gateways: Sequence[str], effective: Mapping[str, str]) -> tuple[Unheard, ...]:
    """Return the gateway addresses (HOST:PORT) on whose port nothing listens here.

    A name is resolved only if that decides.
    """
    listeners = [one for ones in read_listeners().values() for one in ones]
    others = [Socket(address=one.address, port=one.port) for one in listeners]
    asked = [parse_target(gateway) for gateway in gateways]
    sshd = sshd_sockets(effective)
    suspects = unheard(asked, sshd, others, own_by_host(asked, resolve=False))
    if not suspects:
        return ()
    left = [parse_target(suspect.gateway) for suspect in suspects]
    return unheard(left, sshd, others, own_by_host(left, resolve=True))


def own_by_host(gateways: Sequence[Target], *, resolve: bool) -> dict[str, tuple[str, ...]]:
    """Return for each host those of its addresses that are this machine's."""
    ours = own_addresses()
    return {
        gateway.host: own_among(numbers_of(gateway.host, resolve=resolve), ours)
        for gateway in gateways
    }
