"""Rights that the key file still grants to each node. Pure.

A node whose file cannot be read keeps what its own key lines allow. They are the last good copy of
its rights: whoever may write them may write the registry too. Everything else about it (targets,
expected responses) comes from the daemon's record, which grants no rights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checker.model import SHARED_KEY, Forward, Node, NodeName, Port, Target
from checker.registry.contests import Right
from checker.registry.key_lines import NEW, OURS
from checker.wire import ANY_NODE


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenFile:
    """A file of the registry that cannot be used as it is."""

    name: NodeName
    path: Path
    reason: str
    """A sentence that begins with the path."""
    rights_of: float | None = None
    """Since when the node has had the rights that it keeps, in Unix seconds; None if it keeps
    none.
    """

    def as_json(self) -> dict[str, str | float | None]:
        """Return the documented shape."""
        return {
            "node": self.name,
            "status": "broken",
            "file": str(self.path),
            "detail": self.sentence,
            "rights_of": self.rights_of,
        }

    @property
    def sentence(self) -> str:
        """The reason, and what the node keeps."""
        return (
            self.reason
            if self.rights_of is None
            else f"{self.reason}; node {self.name} {self.kept}"
        )

    @property
    def kept(self) -> str:
        """What the node keeps, as a clause."""
        if self.rights_of is None:
            return "has no rights"
        from checker.output import clock

        return f"still has its rights as of {clock(self.rights_of)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """One line of the key file that belongs to a node."""

    name: NodeName
    key: str
    is_new: bool
    """The key waits for its first use."""
    ports: tuple[Port, ...]
    public: frozenset[Port]
    expires: str | None


def key_lines(content: bytes) -> dict[NodeName, tuple[KeyLine, ...]]:
    """Parse the lines of each node, in file order. Skip the shared key's lines and foreign ones."""
    found: dict[NodeName, tuple[KeyLine, ...]] = {}
    for line in content.split(b"\n"):
        ours = OURS.match(line.rstrip(b"\r"))
        if ours is None or ours[1] == ANY_NODE.encode():
            continue
        name = NodeName(ours[1].decode())
        options, *key, _ = line.decode("utf-8", "surrogateescape").rsplit(" ", 3)
        if len(key) != 2:
            continue  # truncated: sshd finds no key in it either
        public, ports = permitted(options, "*"), permitted(options, "localhost")
        expiry = re.search(r',expiry-time="(\d{4})(\d\d)(\d\d)', options)
        entry = KeyLine(
            name=name,
            key=" ".join(key),
            is_new=f" --key {NEW} " in options,
            ports=ports,
            public=frozenset(public),
            expires="-".join(expiry.groups()) if expiry else None,
        )
        found[name] = (*found.get(name, ()), entry)
    return found


def permitted(options: str, host: str) -> tuple[Port, ...]:
    """Return the ports on which a line lets its key listen on this host."""
    return tuple(
        Port(int(port))
        for port in re.findall(rf',permitlisten="{re.escape(host)}:(\d{{1,5}})"', options)
    )


def shared_lines_of(content: bytes) -> list[str]:
    """Return the shared key's lines of a key file."""
    return [
        line.decode("utf-8", "surrogateescape").rstrip("\r")
        for line in content.split(b"\n")
        if (ours := OURS.match(line.rstrip(b"\r"))) and ours[1] == ANY_NODE.encode()
    ]


def shared_keys_of(content: bytes) -> tuple[str, ...]:
    """Return the shared keys that a key file accepts, as `TYPE BASE64`."""
    return tuple(" ".join(line.split()[-3:-1]) for line in shared_lines_of(content))


def shared_ports_of(content: bytes, host: str = "localhost") -> frozenset[Port]:
    """Return the ports that the shared key's lines permit on the loopback, or on all addresses
    (`*`).
    """
    return frozenset(port for line in shared_lines_of(content) for port in permitted(line, host))


def rights_in(lines: Iterable[KeyLine]) -> frozenset[Right]:
    """Return the keys and ports of these lines."""
    lines = tuple(lines)
    return frozenset[Right](line.key for line in lines) | frozenset(
        port for line in lines for port in line.ports
    )


def rights_of(node: Node) -> frozenset[Right]:
    """Return the keys and ports that a node's file asks for."""
    return frozenset((*node.public_keys, *node.ports))


def node_by_lines(lines: Sequence[KeyLine]) -> Node:
    """Build a node from its own lines. They do not say its targets, nor what to expect: it gets
    `open`, which never kills a tunnel.
    """
    name = lines[0].name
    ports = dict.fromkeys(port for line in lines for port in line.ports)
    public = frozenset[Port]().union(*(line.public for line in lines))
    forwards = tuple(
        Forward(
            node=name, port=port, target=Target(host="unknown", port=port), public=port in public
        )
        for port in ports
    )
    return Node(
        name=name,
        public_key=next((line.key for line in lines if not line.is_new), SHARED_KEY),
        next_key=next((line.key for line in lines if line.is_new), None),
        forwards=forwards,
        added_at=0,
        expires=min((line.expires for line in lines if line.expires), default=None),
    )


def described(kept: Node, known: Node) -> Node:
    """Add to a node with the rights of its lines what else is known of it. If the two differ, take
    what allows less; a port that only the lines have stays as they describe it.
    """
    own = {port: forward for forward in kept.forwards for port in forward.ports}
    forwards: list[Forward] = []
    for forward in known.forwards:
        places = [own[port] for port in forward.ports if port in own]
        for port in {port for place in places for port in place.ports}:
            del own[port]
        if places:
            forwards.append(
                replace(
                    placed(forward, places),
                    public=forward.public and all(place.public for place in places),
                )
            )
    forwards += dict.fromkeys(own.values())
    expiries = [day for day in (kept.expires, known.expires) if day is not None]
    return replace(
        kept,
        forwards=tuple(forwards),
        next_key_at=kept.next_key_at
        or (known.next_key_at if known.next_key == kept.next_key else 0),
        added_at=known.added_at,
        key_since=known.key_since,
        enabled=known.enabled,
        expires=min(expiries, default=None),
        calls_itself=kept.calls_itself or known.calls_itself,
        tags=known.tags,
        note=known.note,
        probe_beating_every_s=known.probe_beating_every_s,
    )


def placed(forward: Forward, places: Sequence[Forward]) -> Forward:
    """Put a forward on the ports that its node still has. If a move began or ended since, the key
    lines are right.
    """
    if len(places) > 1:
        return forward
    return replace(
        forward,
        port=places[0].port,
        next_port=places[0].next_port,
        next_port_at=places[0].next_port_at,
    )


def with_moves(kept: Node, said: Node) -> Node:
    """Join two ports of a node into one forward that moves, if `said` has it so."""
    moves = {forward.port: forward for forward in said.forwards if forward.next_port in kept.ports}
    ends = {forward.next_port for forward in moves.values()}
    forwards = tuple(
        moves.get(forward.port, forward) for forward in kept.forwards if forward.port not in ends
    )
    after = replace(
        kept, forwards=forwards, next_key_at=said.next_key_at, calls_itself=said.calls_itself
    )
    return after if sorted(after.ports) == sorted(kept.ports) else kept
