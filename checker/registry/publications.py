"""Parse the names of publications, and find what cannot be published or bound. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from checker.model import CheckerError, Forward, InvalidValue, Node, NodeName, Port, Publication

FIRST_UNPRIVILEGED = 1024
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")


class PublishedAlready(CheckerError):
    """Two forwards ask for the same visitors."""

    def __init__(self, publication: Publication, holder: Forward) -> None:
        whom = f"for {publication.sni}" if publication.sni else "without --sni"
        super().__init__(
            f"port {publication.port} is published {whom} by node {holder.node}, for its port"
            f" {holder.port}; first run: reversi-checker unpublish {holder.node}:{holder.port}"
            f" --port {publication.port}"
        )


class PortForwarded(CheckerError):
    """HAProxy and a node's tunnel would listen on the same port: the tunnel was first."""

    def __init__(self, port: Port, holder: NodeName) -> None:
        super().__init__(
            f"the tunnel of node {holder} listens on port {port}; publish on another port"
        )


class PortPublished(CheckerError):
    """HAProxy and a node's tunnel would listen on the same port: HAProxy was first."""

    def __init__(self, port: Port, holder: NodeName) -> None:
        super().__init__(
            f"port {port} is published for node {holder}, so HAProxy listens there; choose another"
            " port for the tunnel"
        )


class PublicTwice(CheckerError):
    """A tunnel and HAProxy would both listen for the visitors of the same port."""

    def __init__(self, forward: Forward, port: Port) -> None:
        super().__init__(
            f"port {port} of node {forward.node} cannot be both public and published: either its"
            " tunnel or HAProxy listens there for visitors; run: reversi-checker node set"
            f" {forward.node} --forward {forward.port} --public no, or: reversi-checker unpublish"
            f" {forward.node}:{forward.port} --port {port}"
        )


class PublicPrivileged(CheckerError):
    """A forward is public on a port that no tunnel can bind on all addresses."""

    def __init__(self, forward: Forward) -> None:
        port = min(forward.ports)
        super().__init__(
            f"port {port} cannot be public by itself: sshd binds ports below 1024 only for root;"
            " give the forward a higher port, and then run: reversi-checker publish"
            f" {forward.node}:PORT --port {port}"
        )


class ProxyMixed(CheckerError):
    """A target would get a PROXY line from some of its visitors, but not from all."""

    def __init__(self, forward: Forward) -> None:
        super().__init__(
            f"{forward.node}:{forward.port} is published both with and without"
            " --send-proxy; a target gets the PROXY line from all its visitors or from none"
        )


def parse_sni(text: str) -> str:
    """Parse a host name as TLS clients send it; it becomes lower case. Raises InvalidValue."""
    name = text.lower()
    labels = name.split(".")
    if (
        len(name) > 253
        or not all(map(LABEL.match, labels))
        or is_address(name)
        or labels[-1].isdigit()
    ):
        raise InvalidValue(
            f"sni {text[:80]!r} is not a host name; write it as in a certificate: mail.example.org"
        )
    return name


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def with_publication(forward: Forward, publication: Publication) -> Forward:
    """Add a publication to the forward. It replaces the one with the same port and name."""
    place = (publication.port, publication.sni)
    kept = (one for one in forward.published if (one.port, one.sni) != place)
    return replace(forward, published=(*kept, publication))


def clash(forwards: Sequence[Forward]) -> CheckerError | None:
    """Return why these cannot all be published; None if they can.

    A forward may be published on its own port: its tunnel listens on the loopback, and HAProxy on
    the other addresses.
    """
    listening = {port: forward.node for forward in forwards for port in forward.ports}
    holders: dict[tuple[Port, str], Forward] = {}
    for forward in forwards:
        if len({publication.send_proxy for publication in forward.published}) > 1:
            return ProxyMixed(forward)
        for publication in forward.published:
            holder = holders.setdefault((publication.port, publication.sni), forward)
            if holder is not forward:
                return PublishedAlready(publication, holder)
            if publication.port in listening and publication.port not in forward.ports:
                return PortForwarded(publication.port, listening[publication.port])
            if publication.port in forward.ports and forward.public:
                return PublicTwice(forward, publication.port)
    return None


def needs_root(before: Node | None, after: Node, user: str) -> tuple[str, ...]:
    """Return a warning for each new port that sshd does not let the tunnel user bind. Source:
    sshd's bind_permitted().
    """
    known = set(before.ports) if before else set()
    return tuple(
        f"{after.name}: sshd binds port {port} only for root, not for {user}: no tunnel can listen"
        f" there; run: reversi-checker node move {after.name} {port} PORT, with a PORT of at least"
        f" {FIRST_UNPRIVILEGED}; so that visitors still reach {port}, run: reversi-checker publish"
        f" {after.name}:PORT --port {port}"
        for port in after.ports
        if port < FIRST_UNPRIVILEGED and port not in known and user != "root"
    )


def unbindable(node: Node, others: Iterable[Node]) -> CheckerError | None:
    """Return why a tunnel of the node could not listen on its ports; None if it could."""
    wanted = set(node.ports)
    for forward in node.forwards:
        if forward.public and min(forward.ports) < FIRST_UNPRIVILEGED:
            return PublicPrivileged(forward)
    for forward in (forward for each in (node, *others) for forward in each.forwards):
        for publication in forward.published:
            if publication.port not in wanted:
                continue
            if publication.port not in forward.ports:
                return PortPublished(publication.port, forward.node)
            if forward.public:
                return PublicTwice(forward, publication.port)
    return None
