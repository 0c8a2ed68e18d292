"""What is published: names that can be, and which publications can not stand beside each other."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from checker.model import CheckerError, Forward, InvalidValue, Node, NodeName, Port, Publication

FIRST_UNPRIVILEGED = 1024
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")


class PublishedAlready(CheckerError):
    """Two forwards asked for the same visitors."""

    def __init__(self, publication: Publication, holder: Forward) -> None:
        whom = f"for {publication.sni}" if publication.sni else "without --sni"
        super().__init__(
            f"port {publication.port} is published {whom} by node {holder.node}, for its port"
            f" {holder.port}; first run: reversi-checker unpublish {holder.node}:{holder.port}"
            f" --port {publication.port}"
        )


class PortForwarded(CheckerError):
    """A port that HAProxy should listen on is one that a node's tunnel listens on."""

    def __init__(self, port: Port, holder: NodeName) -> None:
        super().__init__(
            f"port {port} is where the tunnel of node {holder} listens; publish on another"
        )


class PortPublished(CheckerError):
    """A port that a tunnel should listen on is HAProxy's."""

    def __init__(self, port: Port, holder: NodeName) -> None:
        super().__init__(
            f"port {port} is published for node {holder}, so HAProxy listens there; choose another"
            " port for the tunnel"
        )


class PublicPrivileged(CheckerError):
    """A tunnel can not listen on a port that takes root, for anybody."""

    def __init__(self, forward: Forward) -> None:
        port = min(forward.ports)
        super().__init__(
            f"port {port} can not be public by itself: sshd binds ports under 1024 for root alone;"
            " give the forward a higher one, and then run: reversi-checker publish"
            f" {forward.node}:PORT --port {port}"
        )


class ProxyMixed(CheckerError):
    """A target gets a PROXY line from all its visitors, or from none."""

    def __init__(self, forward: Forward) -> None:
        super().__init__(
            f"{forward.node}:{forward.port} is published with --send-proxy and without; "
            "a target speaks it with all its visitors or with none"
        )


def parse_sni(text: str) -> str:
    """A host's name as TLS clients send it, in lower case. Raises InvalidValue."""
    name = text.lower()
    labels = name.split(".")
    if (
        len(name) > 253
        or not all(map(LABEL.match, labels))
        or is_address(name)
        or labels[-1].isdigit()
    ):
        raise InvalidValue(
            f"sni {text[:80]!r} is not a host's name; write it as in a certificate:"
            " mail.example.org"
        )
    return name


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def with_publication(forward: Forward, publication: Publication) -> Forward:
    """The forward with one more; the same port and name again replaces what was said of them."""
    place = (publication.port, publication.sni)
    kept = (one for one in forward.published if (one.port, one.sni) != place)
    return replace(forward, published=(*kept, publication))


def clash(forwards: Sequence[Forward]) -> CheckerError | None:
    """Why these can not all be published; None where they can."""
    listening = {port: forward.node for forward in forwards for port in forward.ports}
    holders: dict[tuple[Port, str], Forward] = {}
    for forward in forwards:
        if len({publication.send_proxy for publication in forward.published}) > 1:
            return ProxyMixed(forward)
        for publication in forward.published:
            holder = holders.setdefault((publication.port, publication.sni), forward)
            if holder is not forward:
                return PublishedAlready(publication, holder)
            if publication.port in listening:
                return PortForwarded(publication.port, listening[publication.port])
    return None


def needs_root(before: Node | None, after: Node, user: str) -> tuple[str, ...]:
    """A warning for each forward that came to a port on which sshd lets the tunnel user not listen.
    Source: sshd's bind_permitted().
    """
    known = set(before.ports) if before else set()
    return tuple(
        f"{after.name}: sshd binds port {port} for root alone, and not for {user}: no tunnel can"
        f" listen there; run: reversi-checker node move {after.name} {port} PORT, with one from"
        f" {FIRST_UNPRIVILEGED} on, and to have visitors come to {port}: reversi-checker publish"
        f" {after.name}:PORT --port {port}"
        for port in after.ports
        if port < FIRST_UNPRIVILEGED and port not in known and user != "root"
    )


def unbindable(node: Node, others: Iterable[Node]) -> CheckerError | None:
    """Why a tunnel of the node could not listen where it should; None where it could."""
    wanted = set(node.ports)
    for forward in node.forwards:
        if forward.public and min(forward.ports) < FIRST_UNPRIVILEGED:
            return PublicPrivileged(forward)
    for forward in (forward for each in (node, *others) for forward in each.forwards):
        for publication in forward.published:
            if publication.port in wanted:
                return PortPublished(publication.port, forward.node)
    return None
