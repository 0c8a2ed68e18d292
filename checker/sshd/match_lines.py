"""Parse the `Match` lines of sshd's configuration, and decide which hold for a connection. Pure.

Source: sshd_config(5), servconf.c, match.c.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import itertools
import re
import shlex
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from checker.sshd.lockdown import LOCKDOWN

LINE = re.compile(r'\s*"?([A-Za-z][\w-]*)"?(?:\s*=\s*|\s+)(.*)')
FIXED = frozenset({"user", "group", "all", "invalid-user", "version"})
"""Criteria that a connection of the tunnel user cannot choose."""
CHOSEN = {
    "address": "from",
    "host": "from host",
    "localaddress": "to address",
    "localport": "to port",
    "rdomain": "in routing domain",
}
"""Criteria that depend on the connection, with the words for them."""


JUDGED = frozenset({"include", *(key.lower() for key in LOCKDOWN)})
ADMITS = frozenset({"allowusers", "denyusers", "allowgroups", "denygroups", "revokedkeys"})
"""Keywords that decide whom sshd lets in at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchLine:
    """One `Match` line, as far as we understand it."""

    file: Path
    number: int
    criteria: tuple[tuple[str, str], ...]
    """Lower-case names with their patterns."""
    inside: MatchLine | None = None
    """The block whose Include reads this file."""
    keywords: frozenset[str] = JUDGED
    """The lower-case keywords that the block sets."""

    @property
    def text(self) -> str:
        return " ".join(["Match", *(f"{name} {value}".rstrip() for name, value in self.criteria)])

    @property
    def chain(self) -> tuple[MatchLine, ...]:
        """The line, and those around it."""
        return (self, *(self.inside.chain if self.inside else ()))

    @property
    def matters(self) -> bool:
        """Whether the block sets anything that we judge, or includes what may."""
        return not JUDGED.isdisjoint(self.keywords)

    @property
    def is_asked_about(self) -> bool:
        """Whether the block sets anything that we want to know."""
        return self.matters or not ADMITS.isdisjoint(self.keywords)

    @property
    def unclear(self) -> tuple[str, ...]:
        """Criteria that we do not know."""
        return tuple(name for name, _ in self.criteria if name not in FIXED and name not in CHOSEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What decides which `Match` blocks hold; None if no block asks for it."""

    address: str = "127.0.0.1"
    host: str = "localhost"
    localaddress: str | None = None
    localport: str | None = None
    rdomain: str | None = None

    def words(self, user: str) -> tuple[str, str]:
        """Return the words that make `sshd -T` answer for it."""
        asked = {
            "user": user,
            "host": self.host,
            "addr": self.address,
            "laddr": self.localaddress,
            "lport": self.localport,
        }
        chosen = {**asked, "rdomain": self.rdomain}
        return "-C", ",".join(
            f"{name}={value}" for name, value in chosen.items() if value is not None
        )


def directive(line: str) -> tuple[str, list[str]] | None:
    """Return the lower-case keyword of a line, and its words; None if it has no keyword."""
    found = LINE.match(line)
    if found is None:
        return None
    try:
        words = shlex.split(found[2])
    except ValueError:
        words = found[2].split()
    comment = next(
        (number for number, word in enumerate(words) if word.startswith("#")), len(words)
    )
    return found[1].lower(), words[:comment]


def keywords(lines: Iterable[str]) -> frozenset[str]:
    """Return the keywords that a block sets; `lines` are those after its `Match`."""
    found = (one[0] for line in lines if (one := directive(line)))
    return frozenset(itertools.takewhile(lambda keyword: keyword != "match", found))


def criteria(words: list[str]) -> tuple[tuple[str, str], ...]:
    """Parse the criteria of a `Match` line: `name pattern` or, in newer versions,
    `name=pattern`.
    """
    found: list[tuple[str, str]] = []
    left = iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        alone = name.lower() in ("all", "invalid-user")
        found.append((name.lower(), value if equals else "" if alone else next(left, "")))
    return tuple(found)


def holds(line: MatchLine, connection: Connection, user: str, groups: Collection[str]) -> bool:
    """Return whether sshd applies the block. A criterion that we do not know counts as true."""
    return all(
        criterion_holds(name, value, connection, user, groups)
        for one in line.chain
        for name, value in one.criteria
    )


def criterion_holds(
    name: str, value: str, connection: Connection, user: str, groups: Collection[str]
) -> bool:
    match name:
        case "user":
            return in_patterns(user, value) > 0
        case "group":
            return in_groups(groups, value)
        case "invalid-user":
            return False
        case "address" | "localaddress":
            return in_addresses(getattr(connection, name) or "", value)
        case "host":
            return in_patterns(connection.host.lower(), value.lower()) > 0
        case "localport":
            return connection.localport == value
        case "rdomain":
            return in_patterns(connection.rdomain or "", value) > 0
        case _:
            return True


def in_groups(groups: Collection[str], patterns: str) -> bool:
    """Return whether the list matches one of the groups, and excludes none."""
    found = [in_patterns(group, patterns) for group in groups]
    return min(found, default=0) >= 0 and 1 in found


def items(patterns: str) -> Iterator[tuple[str, bool]]:
    """Each pattern of a list, and whether it is negated."""
    for item in patterns.split(","):
        yield item.removeprefix("!"), item.startswith("!")


def in_patterns(word: str, patterns: str) -> int:
    """Return 1 if the list matches the word, -1 if a pattern with `!` does, else 0. Source:
    match.c, match_pattern_list.
    """
    found = 0
    for pattern, is_negated in items(patterns):
        if fnmatch.fnmatchcase(word, pattern.replace("[", "[[]")):
            if is_negated:
                return -1
            found = 1
    return found


@lru_cache(maxsize=4096)
def in_addresses(address: str, patterns: str) -> bool:
    """Return whether a list of networks and wildcards matches the address. Source: addrmatch.c,
    addr_match_list.
    """
    found = False
    for pattern, is_negated in items(patterns):
        network = network_of(pattern)
        if is_in(address, network) if network else in_patterns(address, pattern) > 0:
            if is_negated:
                return False
            found = True
    return found


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(pattern: str) -> Network | None:
    """Return the network that a pattern names; None for wildcards."""
    try:
        return ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return None


def is_in(address: str, network: Network) -> bool:
    try:
        return ipaddress.ip_address(address) in network
    except ValueError:
        return False


def where(line: MatchLine) -> str:
    """Say from where a connection comes for which the block holds; empty if it holds for every
    connection of the user.
    """
    said = (
        f"{CHOSEN[name]} {value}"
        for one in reversed(line.chain)
        for name, value in one.criteria
        if name in CHOSEN
    )
    return " ".join(said)


def as_if_there(text: str, user: str, groups: Collection[str]) -> str:
    """Return a configuration's text with each Group criterion decided for a user who does not exist
    yet, and who will be in these groups.

    sshd does not apply a `Match Group` block to a user who does not exist.
    """
    return "\n".join(decided(line, user, groups) for line in text.split("\n"))


def decided(line: str, user: str, groups: Collection[str]) -> str:
    found = directive(line)
    if (
        found is None
        or found[0] != "match"
        or not any(name == "group" for name, _ in criteria(found[1]))
    ):
        return line
    words = ["Match"]
    for name, value in criteria(found[1]):
        if name == "group":
            words += ["User", user if in_groups(groups, value) else f"!{user}"]
        else:
            words += [name, f'"{value}"'] if value else [name]
    return " ".join(words)
