"""Publish what the registry says through HAProxy; refuse conflicts and ports of other services."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Collection

from checker.config.files import present_file, write_atomically
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from checker.haproxy.config_text import HEAD, by_port, render, tunnel_ports
from checker.haproxy.program import (
    HaproxyMissing,
    Proxy,
    is_installed,
    proxy_file,
    proxy_of,
    put_live,
    without_listener,
)
from checker.linux.sockets import read_listeners
from checker.model import CheckerError, Forward, Listener, Node, Note, Port
from checker.registry.changes import write_node
from checker.registry.lock import locked
from checker.registry.nodes import Registry
from checker.registry.publications import clash
from checker.registry.reading import read_registry

WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - names of them; HAProxy binds what the admin says


class PortInUse(CheckerError):
    """Another service listens where HAProxy should."""

    def __init__(self, port: Port, holder: str) -> None:
        super().__init__(
            f"port {port} is in use by {holder}; stop it, or publish on another port or address"
            " (publish_on in reversi.toml)"
        )


class TunnelEverywhere(CheckerError):
    """The tunnel listens where HAProxy should: it logged in before sshd had our settings."""

    def __init__(self, port: Port, node: str) -> None:
        super().__init__(
            f"the tunnel of node {node} listens on all addresses of port {port}, as sshd allowed"
            f" when it logged in; end it, and it comes back on the loopback only: reversi-checker"
            f" kill {node}:{port}; then publish again"
        )


class OnlyLoopback(CheckerError):
    """A forward is published on its own port, and there is no address beside its tunnel's."""

    def __init__(self, port: Port) -> None:
        super().__init__(
            f"the tunnel itself listens on the loopback at port {port}, and there is no other"
            " address to publish it on; add one to publish_on in reversi.toml"
        )


class RegistryBroken(CheckerError):
    """A node's file cannot be read, so what it publishes would be lost."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"HAProxy is left as it is, because a node's file is broken: {problem}")


def in_the_way(port: Port, addresses: Collection[str], uid: int) -> str:
    """Return who already listens on the port at these addresses, as a clause; empty for nobody."""
    found = [
        listener for listener in read_listeners().get(port, ()) if overlaps(listener, addresses)
    ]
    if not found:
        return ""
    from checker.sshd.sessions import other_holder  # slow to load

    return (
        other_holder(frozenset(listener.inode for listener in found), uid)
        or f"a process of uid {found[0].uid}"
    )


def overlaps(listener: Listener, addresses: Collection[str]) -> bool:
    """Whether the listener keeps others from binding any of these addresses.

    The IPv6 wildcard counts for both families, as it may be dual.
    """
    family = ipaddress.ip_address(listener.address).version
    return any(
        listener.address in (address, "::")
        or (
            ipaddress.ip_address(address).version == family
            and {address, listener.address} & WILDCARDS
        )
        for address in addresses
    )


def refuse_taken(port: Port, registry: Registry, proxy: Proxy, uid: int) -> None:
    """Raises PortInUse if another service listens there, TunnelEverywhere if the tunnel of that
    port does; a published port is HAProxy's own.
    """
    if port in by_port(registry.forwards):
        return
    owner = registry.owner(port)
    addresses = proxy.addresses if owner is None else proxy.beside
    there = [one for one in read_listeners().get(port, ()) if overlaps(one, addresses)]
    if owner is not None and any(listener.uid == uid for listener in there):
        raise TunnelEverywhere(port, owner.name)
    holder = in_the_way(port, addresses, uid)
    if holder:
        raise PortInUse(port, holder)


def published_forwards(registry: Registry) -> tuple[Forward, ...]:
    """Return the forwards of the nodes that are enabled."""
    return tuple(
        forward for node in registry.nodes.values() if node.enabled for forward in node.forwards
    )


def published_ports(registry: Registry) -> tuple[Port, ...]:
    """Return the public ports that HAProxy should serve."""
    enabled = (node for node in registry.published if node.enabled)
    return tuple(sorted(by_port([forward for node in enabled for forward in node.forwards])))


def binds_of(registry: Registry, proxy: Proxy) -> dict[Port, tuple[str, ...]]:
    """Return the public ports, and the addresses that tell HAProxy's listener from that of a tunnel
    on the same port; none if any listener is HAProxy's.
    """
    own = tunnel_ports(published_forwards(registry))
    return {port: proxy.beside if port in own else () for port in published_ports(registry)}


def silent_ports(registry: Registry, proxy: Proxy) -> tuple[Port, ...]:
    """Return the public ports on which HAProxy does not listen."""
    return tuple(without_listener(binds_of(registry, proxy)))


def unserved(registry: Registry, proxy: Proxy) -> str:
    """Say why visitors cannot reach a published port, as a sentence; empty if they can."""
    ports = published_ports(registry)
    if not ports:
        return ""
    if not is_installed():
        return str(HaproxyMissing())
    silent = silent_ports(registry, proxy)
    if not silent:
        return ""
    return (
        f"haproxy does not listen on port {silent[0]}; start it, and check that it reads"
        f" {proxy.path}"
    )


def wanted_file(registry: Registry, proxy: Proxy) -> str:
    """Return the file as the registry wants it. Raises RegistryBroken, OnlyLoopback, and what
    `clash` finds.
    """
    if registry.problems:
        raise RegistryBroken(registry.problems[0])
    trouble = clash(registry.forwards)
    if trouble is not None:
        raise trouble
    forwards = published_forwards(registry)
    own = tunnel_ports(forwards).intersection(by_port(forwards))
    if own and not proxy.beside:
        raise OnlyLoopback(min(own))
    return render(forwards, proxy.addresses, proxy.loopback, proxy.beside)


def is_empty(present: bytes | None) -> bool:
    """Whether our file publishes nothing."""
    return present in (None, HEAD.encode())


def follow(registry: Registry, proxy: Proxy) -> str:
    """Bring HAProxy in line with the registry; return a sentence for the admin, empty if nothing
    changed.

    Raises what `wanted_file` and `put_live` do.
    """
    present = present_file(proxy.path)
    if not published_ports(registry) and is_empty(present):
        return ""
    wanted = wanted_file(registry, proxy).encode()
    if wanted == present:
        return ""
    put_live(proxy, wanted, present, binds_of(registry, proxy))
    if proxy.reload:
        return f"wrote {proxy.path} and reloaded haproxy"
    return (
        f"wrote {proxy.path}; have it read with: haproxy -W -f {shlex.quote(str(proxy.path))} (or"
        " set haproxy_reload in reversi.toml)"
    )


def begin(proxy: Proxy) -> bool:
    """Create our file if it is missing, so that HAProxy can be pointed at it; whether it was.

    Raises ConfigError.
    """
    if present_file(proxy.path) is not None:
        return False
    write_atomically(proxy.path, HEAD.encode(), mode=0o644)
    return True


def change(layout: Layout, proxy: Proxy, node: Node) -> str:
    """Write the changed node to HAProxy and to the registry; call it under `locked`.

    Raises what `follow` does.
    """
    registry = read_registry(layout.nodes)
    said = follow(registry.with_node(node), proxy)
    try:
        write_node(layout, node.name, node)
    except ConfigError:
        follow(registry, proxy)
        raise
    return said


def tell_haproxy(layout: Layout, known: Registry | None = None) -> Note | None:
    """Bring HAProxy in line after a change to nodes; return a note for the admin. `known`: the
    registry as read for the change, with what is published after it.

    Never raises: the change itself is kept whatever HAProxy says.
    """
    try:
        if is_empty(present_file(proxy_file(layout))) and not published_ports(
            known or read_registry(layout.nodes)
        ):
            return None  # most gateways: not worth a question to sshd
        proxy = proxy_of(layout, load_config(layout.config))
        with locked(layout):
            text = follow(read_registry(layout.nodes), proxy)
    except CheckerError as error:
        return Note(
            f"haproxy keeps its old configuration: {error}; after fixing that, run: reversi-checker"
            " publish",
            is_warning=True,
        )
    return Note(text) if text else None
