"""HAProxy's configuration as text. Pure.

It holds only what is published, in TCP mode: TLS is routed by name and never terminated here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from checker.model import Forward, Port, Publication

HEAD = "# written by reversi-checker publish, from what the registry says; an edit here is lost\n"
DEFAULTS = """
defaults
    mode tcp
    log global
    option tcplog
    option dontlognull
    retries 10
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout client-fin 30s
    timeout server-fin 30s
"""
"""Ten retries, a second apart: a visitor waits while the tunnel reconnects. An hour: mail clients
idle that long.
"""
HELLO_WITHIN_S = 5
"""How long a visitor may take to send the TLS server name."""

MAY_VANISH = " transparent"
"""For an address that we found on the machine: HAProxy starts even if it is gone by then. Source:
HAProxy's manual, `bind`, transparent.
"""

Published = tuple[Publication, Forward]


def by_port(forwards: Iterable[Forward]) -> dict[Port, list[Published]]:
    """Return what is published on each port; names first, then the one that takes the rest."""
    found = [(publication, forward) for forward in forwards for publication in forward.published]
    ports: dict[Port, list[Published]] = {}
    for publication, forward in sorted(
        found, key=lambda one: (one[0].port, not one[0].sni, one[0].sni)
    ):
        ports.setdefault(publication.port, []).append((publication, forward))
    return ports


def tunnel_ports(forwards: Iterable[Forward]) -> frozenset[Port]:
    """Return the ports on which tunnels listen themselves."""
    return frozenset(port for forward in forwards for port in forward.ports)


def outside(addresses: Sequence[str], own: Iterable[str]) -> tuple[str, ...]:
    """Return where HAProxy can listen beside a tunnel: the addresses without the loopback.

    A wildcard stands for those of the machine's `own` addresses that others can reach.
    """
    found: dict[str, None] = {}
    for address in map(ipaddress.ip_address, addresses):
        if not address.is_unspecified:
            found |= {} if address.is_loopback else {str(address): None}
            continue
        for other in map(ipaddress.ip_address, own):
            if other.version == address.version and not other.is_loopback | other.is_link_local:
                found[str(other)] = None
    return tuple(found)


def render(
    forwards: Sequence[Forward],
    addresses: Sequence[str],
    loopback: str = "127.0.0.1",
    beside: Sequence[str] = (),
) -> str:
    """Return the whole file; only a comment if nothing is published.

    `loopback` is the address on which sshd listens for the tunnels. `beside`: where HAProxy listens
    if the tunnel has the same port.
    """
    ports = by_port(forwards)
    if not ports:
        return HEAD
    own = tunnel_ports(forwards)
    binds = {
        port: [
            f"{bound(address, port)}{'' if address in addresses else MAY_VANISH}"
            for address in (beside if port in own else addresses)
        ]
        for port in ports
    }
    frontends = [frontend(port, published, binds[port]) for port, published in ports.items()]
    backends = [backend(forward, loopback) for forward in forwards if forward.published]
    return "\n".join([HEAD + DEFAULTS, *frontends, *backends])


def backend_name(forward: Forward) -> str:
    return f"reversi-{forward.node}-{forward.port}"


def frontend(port: Port, published: Sequence[Published], binds: Sequence[str]) -> str:
    """Return the section of one public port: which visitors go to which forward."""
    lines = [f"frontend reversi-{port}", *(f"    bind {bind}" for bind in binds)]
    named = [(publication, forward) for publication, forward in published if publication.sni]
    rest = [forward for publication, forward in published if not publication.sni]
    if named:
        lines += [
            f"    tcp-request inspect-delay {HELLO_WITHIN_S}s",
            "    tcp-request content accept if { req.ssl_hello_type 1 }",
        ]
        lines += [] if rest else ["    tcp-request content reject"]
    lines += [
        f"    use_backend {backend_name(forward)} if {{ req.ssl_sni -i {publication.sni} }}"
        for publication, forward in named
    ]
    lines += [f"    default_backend {backend_name(forward)}" for forward in rest]
    return "\n".join(lines) + "\n"


def bound(address: str, port: Port) -> str:
    """Return the argument of `bind`; v6only, so that both families can be bound together."""
    return f"[{address}]:{port} v6only" if ":" in address else f"{address}:{port}"


def backend(forward: Forward, loopback: str) -> str:
    """Return the section of one forward: the listener of its tunnel."""
    host = f"[{loopback}]" if ":" in loopback else loopback
    proxy = " send-proxy" if forward.speaks_proxy else ""
    return f"backend {backend_name(forward)}\n    server tunnel {host}:{forward.port}{proxy}\n"
