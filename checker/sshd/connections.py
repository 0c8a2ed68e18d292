"""Choose connections to ask sshd about, so that each outcome of its `Match` lines shows. Pure.

The values of one criterion fall into classes. All patterns of the configuration give the same
result for each value of a class, so one value per class is enough. All combinations of classes are
tried here, and sshd is asked once for each distinct set of blocks that hold.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar

from checker.sshd.match_lines import (
    Connection,
    MatchLine,
    holds,
    in_addresses,
    in_patterns,
    items,
    network_of,
)

Value = TypeVar("Value")
MOST = 300
"""Most questions to one sshd; each takes 16 ms."""
MOST_COMBINED = 20_000
USUAL = ("127.0.0.1", "192.0.2.1", "2001:db8::1")
"""Addresses that hardly any configuration names."""
FILLINGS = ("1", "2", "77", "200", "1.1", "1.1.1", "77.2", "2.77.1", "::1", "1:2:3:4:5:6:7")
"""What a `*` in a pattern may match."""


def connections(
    lines: Sequence[MatchLine], user: str, groups: Collection[str], *, use_dns: bool
) -> tuple[tuple[Connection, ...], bool]:
    """Return the connections to ask about, the plainest first, and whether they are all that
    matter.

    Each has a value for every criterion that is named anywhere: OpenSSH 9.2 does not answer without
    it.
    """
    that_matter = [line for line in lines if line.is_asked_about]
    named = {key for line in lines for key, _ in line.criteria}
    every = combinations(patterns_in(that_matter), named, use_dns=use_dns)
    first = list(itertools.islice(every, MOST_COMBINED + 1))
    found = distinct(
        first, lambda one: tuple(holds(line, one, user, groups) for line in that_matter)
    )
    return tuple(found[:MOST]), len(found) <= MOST and len(first) <= MOST_COMBINED


def patterns_in(lines: Iterable[MatchLine]) -> dict[str, list[str]]:
    """Return the patterns for each criterion that depends on the connection."""
    criteria = {one for line in lines for each in line.chain for one in each.criteria}
    return {
        name: sorted(value for key, value in criteria if key == name)
        for name in ("address", "host", "localaddress", "localport", "rdomain")
    }


def combinations(
    asked: dict[str, list[str]], named: Collection[str], *, use_dns: bool
) -> Iterator[Connection]:
    """Yield all combinations of one value per class; None for a criterion that nobody names."""
    here, ports = asked["localaddress"], asked["localport"]
    unnamed = next(port for port in ("22", "65535", "1", "9") if port not in ports[:3])
    local = distinct(addresses(here), lambda one: tuple(in_addresses(one, each) for each in here))
    for (address, host), localaddress, localport, rdomain in itertools.product(
        distinct_peers(asked, use_dns=use_dns),
        local if "localaddress" in named else [None],
        [unnamed, *ports] if "localport" in named else [None],
        words_for(asked["rdomain"]) if "rdomain" in named else [None],
    ):
        yield Connection(
            address=address,
            host=host,
            localaddress=localaddress,
            localport=localport,
            rdomain=rdomain,
        )


def distinct_peers(asked: dict[str, list[str]], *, use_dns: bool) -> list[tuple[str, str]]:
    """Return one address and name for each set of address and host patterns that match."""
    return distinct(
        peers_of(asked, use_dns=use_dns),
        lambda peer: (
            *(in_addresses(peer[0], each) for each in asked["address"]),
            *(in_patterns(peer[1].lower(), each.lower()) > 0 for each in asked["host"]),
        ),
    )


def distinct(values: Iterable[Value], kind: Callable[[Value], object]) -> list[Value]:
    """Return the first value of each kind, in order."""
    found: dict[object, Value] = {}
    for value in values:
        found.setdefault(kind(value), value)
    return list(found.values())


def peers_of(asked: dict[str, list[str]], *, use_dns: bool) -> Iterator[tuple[str, str]]:
    """Yield addresses with their names. Without UseDNS, a peer's name is its address."""
    yield "127.0.0.1", "localhost"
    names = words_for(asked["host"]) if use_dns else []
    for address in addresses([*asked["address"], *asked["host"]]):
        yield address, address
        for name in names:
            yield address, name


def addresses(patterns: Sequence[str]) -> list[str]:
    """Return one address from each part into which the patterns divide all addresses."""
    named = sorted({pattern for each in patterns for pattern, _ in items(each)})
    networks = [found for pattern in named if (found := network_of(whole_octets(pattern)))]
    wild = [
        one
        for pattern in named
        if network_of(whole_octets(pattern)) is None
        for one in filled(pattern)
        if network_of(one)
    ]
    return [
        *USUAL,
        *parts([one for one in networks if one.version == 4]),
        *parts([one for one in networks if one.version == 6]),
        *wild,
    ]


def parts(networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> Iterator[str]:
    """Yield one address between each two borders of the networks; not the very first, if there is
    another.
    """
    if not networks:
        return
    make = type(networks[0].network_address)
    borders = {int(one.network_address) for one in networks} | {
        int(one.broadcast_address) + 1 for one in networks
    }
    end = 1 << networks[0].max_prefixlen
    for border in sorted({0, *borders} - {end}):
        yield str(make(border if border + 1 in {*borders, end} else border + 1))


def whole_octets(pattern: str) -> str:
    """Return `10.9.*` as a network, and other patterns as they are."""
    octets = pattern.split(".")
    if (
        not 2 <= len(octets) <= 4
        or octets[-1] != "*"
        or not all(octet.isdecimal() for octet in octets[:-1])
    ):
        return pattern
    return f"{'.'.join([*octets[:-1], *['0'] * (5 - len(octets))])}/{8 * (len(octets) - 1)}"


def filled(pattern: str) -> Iterator[str]:
    """Yield some words that match the pattern."""
    for filling in FILLINGS:
        yield pattern.replace("*", filling).replace("?", filling[0] if filling[0] != ":" else "1")


def words_for(patterns: Sequence[str]) -> list[str]:
    """Return words that match patterns of names, and one that hardly any pattern matches."""
    named = sorted({pattern for each in patterns for pattern, _ in items(each)})
    return [
        "outside.invalid",
        *(
            pattern.replace("*", filling).replace("?", "x").lower()
            for pattern in named
            for filling in ("x", "")
        ),
    ]
