"""What the shared key may do: ask about which forwards, and hold which ports. Pure."""

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
    name_for,
    printable,
)
from checker.registry.indexed_nodes import SHARED
from checker.registry.nodes import Registry
from checker.wire import OldCheck, is_port

INSTANCE = ""
"""Instance of a connection made with the shared key; no node can choose this one."""
SPEAKS_FOR_S = 600.0
"""A device that asked within this time keeps its port, whatever name others claim for it."""
KEPT_S = 7 * 86400.0
"""An unregistered device that does not listen is forgotten after this long without a request."""


class NotForSharedKey(InvalidValue):
    """The shared key may not ask about this; the text is a sentence for the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPorts:
    """Ports by who may hold them."""

    held: frozenset[Port] = frozenset()
    """Anyone with the shared key may hold these."""
    owned: frozenset[Port] = frozenset()
    """Only a node with its own key may hold these; left out if `held` is empty."""


def shared_ports(registry: Registry, unregistered: Iterable[Port]) -> SharedPorts:
    """Return who may hold each port."""
    without = frozenset(port for node in registry.flagged(SHARED) for port in node.ports)
    unregistered = frozenset(unregistered)
    if not (without or unregistered):
        return SharedPorts()
    nodes = registry.nodes.values()
    owned = frozenset(port for node in nodes if not node.is_shared for port in node.ports)
    return SharedPorts(held=(without | unregistered) - owned, owned=owned)


def forward_meant(said: OldCheck, registry: Registry, shared_key: SharedKey, today: str) -> Forward:
    """Return the forward that a request with the shared key is about. Raises NotForSharedKey.

    For a registered node without another key, it is the forward in the registry: the request cannot
    change what it expects.
    """
    if not shared_key.enabled:
        raise NotForSharedKey(
            "this gateway has no shared key; ask its admin for a key for this device"
        )
    owner = registry.owner(said.port)
    if owner is None:
        return forward_believed(said, registry, shared_key)
    if not owner.answers_to(said.node):
        other = (
            f", which calls itself {printable(owner.calls_itself)}" if owner.calls_itself else ""
        )
        raise NotForSharedKey(
            f"port {said.port} belongs to node {owner.name}{other}, not to {printable(said.node)}"
        )
    if not owner.is_shared:
        raise NotForSharedKey(
            f"node {owner.name} has a key of its own, and only that key may ask about it"
        )
    if owner.barred(today):
        raise NotForSharedKey(f"node {owner.name} may not listen: {owner.barred(today)}")
    return next(forward for forward in owner.forwards if said.port in forward.ports)


def forward_believed(said: OldCheck, registry: Registry, shared_key: SharedKey) -> Forward:
    """Return a forward that no registered node has, as the request describes it.

    Raises NotForSharedKey.
    """
    name = name_for(said.node, said.port)
    if name in registry.nodes or name in registry.broken or said.port in registry.broken_ports:
        raise NotForSharedKey(
            f"port {said.port} is not a port of the registered node {name}, or belongs to another"
        )
    if said.port not in shared_key.ports:
        spaced = spaced_name(said, registry, shared_key)
        raise NotForSharedKey(
            f"{printable(spaced)!r} looks like a name with a space, which cannot be told from the"
            " port after it; change the name in this device's own script"
            if spaced
            else f"port {said.port} is not one of the shared key's, {shared_key.ports}"
        )
    return Unregistered(
        node=name,
        port=Port(said.port),
        expect=expect_said(said.expected),
        first_at=0.0,
        last_at=0.0,
    ).forward


def spaced_name(said: OldCheck, registry: Registry, shared_key: SharedKey) -> str:
    """Return the name with a space that a request seems to begin with, as in `Roof 3 50302 SSH`;
    empty if it does not.
    """
    words = said.expected.split(" ")
    for place, word in enumerate(words):
        if is_port(word) and (int(word) in shared_key.ports or registry.owner(int(word))):
            return " ".join([said.node, str(said.port), *words[:place]])
    return ""


def sighted(
    known: Unregistered | None, seen: Tunnel, said: Forward, word: str, now: float
) -> Unregistered:
    """Return the listed device of a port after a request about it: the one that asked, unless
    another has a tunnel there and still asks. `word`: what the one that asked calls itself.
    """
    if known is None or (known.word != word and may_be_replaced(known, seen, now)):
        return Unregistered(
            node=said.node,
            port=said.port,
            expect=said.expect,
            first_at=now,
            last_at=now,
            calls_itself="" if word == said.node else word,
        )
    if known.word != word:
        return known
    return replace(known, expect=said.expect, last_at=now)


def may_be_replaced(known: Unregistered, seen: Tunnel, now: float) -> bool:
    """Whether another device may take the port."""
    return seen.status is Status.DOWN or now - known.last_at > SPEAKS_FOR_S


def is_over(known: Unregistered, seen: Tunnel, now: float) -> bool:
    """Whether the device is gone for good."""
    return seen.status is Status.DOWN and now - known.last_at > KEPT_S


def still_unregistered(
    known: Iterable[Unregistered], registry: Registry, shared_key: SharedKey
) -> tuple[Unregistered, ...]:
    """Return the devices whose name and port are not in the registry, and whose port the shared key
    still opens.
    """
    return tuple(
        one
        for one in known
        if shared_key.enabled
        and one.port in shared_key.ports
        and registry.owner(one.port) is None
        and NodeName(one.node) not in registry.nodes
    )
