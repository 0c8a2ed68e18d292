"""A registry with nodes of the shared key, for tests."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from hypothesis import strategies as st

from checker.model import (
    OPEN,
    SHARED_KEY,
    NodeName,
    Port,
    PortRanges,
    SharedKey,
    Unregistered,
)
from checker.registry.key_lines import GateCommand
from checker.registry.nodes import Registry
from tests.strategies import (
    FORWARD,
    NOW,
    instants,
    names,
    node,
    public_key,
)

ON = SharedKey(enabled=True, public_keys=(public_key(9),), ports=PortRanges((range(50000, 50100),)))


COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")


DAY = "2026-01-01"


OWNED = node("owned", 1, (50001, 20001))


LEGACY = replace(node("legacy", 2, (50002, 61000)), public_key=SHARED_KEY)


REGISTRY = Registry(
    nodes=MappingProxyType({one.name: one for one in (OWNED, LEGACY)}),
    broken=frozenset({NodeName("odd")}),
    broken_ports=frozenset({Port(50003)}),
)


unregistered = st.builds(
    Unregistered,
    node=names,
    port=st.integers(50000, 50099).map(Port),
    expect=st.sampled_from([OPEN, FORWARD.expect]),
    first_at=instants,
    last_at=instants,
)


def stranger(name: str = "stranger", port: int = 50010, *, last_at: float = NOW) -> Unregistered:
    return Unregistered(
        node=NodeName(name), port=Port(port), expect=FORWARD.expect, first_at=NOW, last_at=last_at
    )
