"""What happened that an operator did not do: faults that came, and what colleagues did. Pure."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from checker.model import Event, EventKind, NodeName, Port
from checker.rows.cells import named, safe
from checker.rows.row import STALE, Key, Moment, Row

TOGETHER_S = 60.0
"""Faults that come no later than this after the last one are one piece of news."""
SEVERAL = 2
"""So many faults are news."""
NAMED = 3
"""So many forwards are named; of more, only the number."""
VERBS = {EventKind.KILL: "killed", EventKind.RESET: "reset", EventKind.REGISTRY: "changed"}
OURS = frozenset({"", "daemon"})
"""Actors that are not people."""
NETWORKS = {4: 24, 6: 48}
"""The length of the prefix that one site probably has, by the version of IP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One sentence, and the rows that it is about."""

    text: str
    keys: tuple[Key, ...]


@dataclass(slots=True)
class Losses:
    """The forwards that became faults lately."""

    rows: dict[Key, Row] = field(default_factory=dict)
    last_at: float = float("-inf")
    peers: dict[Key, str] = field(default_factory=dict)
    """From where each forward's tunnel came when it was last up."""

    def follow(self, changed: Iterable[Row], keys: Collection[Key] | None) -> None:
        """Note where tunnels come from; `keys` are all rows, None: the same as before."""
        if keys is not None:
            self.peers = {key: peer for key, peer in self.peers.items() if key in keys}
        for row in changed:
            if row.seen.peer:
                self.peers[row.key] = row.seen.peer

    def add(self, came: Iterable[Row], moment: Moment) -> News | None:
        """The news, if several came together: one alone is seen in its row and in the counts, and
        in a large fleet there is always one.
        """
        fresh = [row for row in came if moment.word(row) != STALE]
        if not fresh:
            return None
        if moment.now - self.last_at > TOGETHER_S:
            self.rows.clear()
        self.rows.update((row.key, row) for row in fresh)
        self.last_at = moment.now
        rows = tuple(self.rows.values())
        if len(rows) < SEVERAL:
            return None
        return News(text=faults_text(rows, self.peers, moment), keys=tuple(self.rows))


def faults_text(rows: Sequence[Row], peers: Mapping[Key, str], moment: Moment) -> str:
    """How many faults came, which, and from where if that is one place."""
    counts = Counter(moment.word(row) for row in rows)
    text = ", ".join(f"+{count} {word}" for word, count in counts.items())
    place = common_place([peers.get(row.key, "") for row in rows])
    if place:
        return f"{text}, all from {place}"
    return f"{text}: {', '.join(map(named, rows))}" if len(rows) <= NAMED else text


def common_place(peers: Sequence[str]) -> str:
    """The address, or the network, that all these peers (ADDRESS:PORT) have in common; empty if
    there is none, or one is not known.
    """
    try:
        found = {ipaddress.ip_address(peer.rpartition(":")[0].strip("[]")) for peer in peers}
    except ValueError:
        return ""
    if len(found) == 1:
        return str(found.pop())
    networks = {
        ipaddress.ip_network((address, NETWORKS[address.version]), strict=False)
        for address in found
    }
    return str(networks.pop()) if len(networks) == 1 else ""


def deeds(events: Iterable[Event], me: str) -> News | None:
    """What the last other person did among these events; None if there is nothing."""
    theirs = [event for event in events if is_of_others(event, me)]
    if not theirs:
        return None
    last = theirs[-1]
    same = [event for event in theirs if (event.actor, event.kind) == (last.actor, last.kind)]
    more = f" and {len(same) - 1:,} more" if len(same) > 1 else ""
    about = f": {safe(last.text, 200)}" if last.kind is EventKind.REGISTRY else ""
    text = f"{safe(last.actor, 40)} {VERBS[last.kind]} {place_of(last)}{more}{about}"
    return News(text=text, keys=tuple(dict.fromkeys(map(key_of, same))))


def is_of_others(event: Event, me: str) -> bool:
    """Whether another person did it to a node."""
    return (
        event.kind in VERBS
        and event.node is not None
        and event.actor not in OURS
        and event.actor != me
    )


def place_of(event: Event) -> str:
    port = "" if event.port is None else f" {event.port}"
    return f"{safe(event.node)}{port}"


def key_of(event: Event) -> Key:
    """The row's; port 0 if the event is about the node as a whole."""
    return (event.node or NodeName(""), event.port or Port(0))
