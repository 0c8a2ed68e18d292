"""What the shared key may do: of whom its requests may speak, and which ports it may hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from checker.model import (
    Forward,
    InvalidValue,
    NodeName,
    Port,
    SharedKey,
    Status,
    Tunnel,
    Unregistered,
    expect_said,
    parse_name,
)
from checker.registry.nodes import Registry
from checker.wire import OldCheck

INSTANCE = ""
"""Of a connection that was made with the shared key; no node can call its own so."""
SPEAKS_FOR_S = 600.0
"""A device that asked within this time keeps its port's name, whatever others call themselves."""
KEPT_S = 7 * 86400.0
"""An unregistered device that does not listen is forgotten after this long without a word."""


class NotForSharedKey(InvalidValue):
    """The shared key may not speak of this; the text is a sentence for the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPorts:
    """Ports by who may hold them."""

    held: frozenset[Port] = frozenset()
    """By whoever has the shared key."""
    owned: frozenset[Port] = frozenset()
    """By a node with a key of its own alone."""


def shared_ports(registry: Registry, unregistered: Iterable[Port]) -> SharedPorts:
    """Whose each port is."""
    nodes = registry.nodes.values()
    without = frozenset(port for node in nodes if node.is_shared for port in node.ports)
    owned = frozenset(port for node in nodes if not node.is_shared for port in node.ports)
    return SharedPorts(held=(without | frozenset(unregistered)) - owned, owned=owned)


def forward_meant(said: OldCheck, registry: Registry, shared_key: SharedKey, today: str) -> Forward:
    """The forward that a request with the shared key may speak of. Raises NotForSharedKey.

    Of a registered node that has no other key, it is the one that the registry knows: nothing that
    is said changes what it expects.
    """
    if not shared_key.enabled:
        raise NotForSharedKey(
            "this gateway has no shared key; ask its admin for a key of this device's own"
        )
    owner = registry.owner(said.port)
    if owner is None:
        return forward_believed(said, registry, shared_key)
    if owner.name != said.node:
        raise NotForSharedKey(f"port {said.port} belongs to node {owner.name}, not to {said.node}")
    if not owner.is_shared:
        raise NotForSharedKey(
            f"node {owner.name} has a key of its own, and only that speaks for it"
        )
    if owner.barred(today):
        raise NotForSharedKey(f"node {owner.name} may not listen: {owner.barred(today)}")
    return next(forward for forward in owner.forwards if said.port in forward.ports)


def forward_believed(said: OldCheck, registry: Registry, shared_key: SharedKey) -> Forward:
    """A forward that no registered node has, as it was said. Raises NotForSharedKey."""
    try:
        name = parse_name(said.node)
    except InvalidValue as error:
        raise NotForSharedKey(str(error)) from error
    if name in registry.nodes or name in registry.broken or said.port in registry.broken_ports:
        raise NotForSharedKey(
            f"port {said.port} is not a port of the registered node {name}, or belongs to another"
        )
    if said.port not in shared_key.ports:
        ports = shared_key.ports
        raise NotForSharedKey(
            f"port {said.port} is not one of the shared key's, {ports.start}-{ports.stop - 1}"
        )
    return Unregistered(
        node=name,
        port=Port(said.port),
        expect=expect_said(said.expected),
        first_at=0.0,
        last_at=0.0,
    ).forward


def sighted(known: Unregistered | None, seen: Tunnel, said: Forward, now: float) -> Unregistered:
    """What is listed of the port after a device spoke of it: as it said, unless another's tunnel is
    there and its device still asks.
    """
    if known is None or (known.node != said.node and may_be_replaced(known, seen, now)):
        return Unregistered(
            node=said.node, port=said.port, expect=said.expect, first_at=now, last_at=now
        )
    if known.node != said.node:
        return known
    return replace(known, expect=said.expect, last_at=now)


def may_be_replaced(known: Unregistered, seen: Tunnel, now: float) -> bool:
    """Whether another name may take the place of this one."""
    return seen.status is Status.DOWN or now - known.last_at > SPEAKS_FOR_S


def is_over(known: Unregistered, seen: Tunnel, now: float) -> bool:
    """Whether the device is gone for good."""
    return seen.status is Status.DOWN and now - known.last_at > KEPT_S


def still_unregistered(
    known: Iterable[Unregistered], registry: Registry, shared_key: SharedKey
) -> tuple[Unregistered, ...]:
    """Those whose name and port the registry does not have, where the shared key still opens their
    port.
    """
    ports = {port for forward in registry.forwards for port in forward.ports}
    return tuple(
        one
        for one in known
        if shared_key.enabled
        and one.port in shared_key.ports
        and one.port not in ports
        and NodeName(one.node) not in registry.nodes
    )
