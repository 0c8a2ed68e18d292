"""Make a gateway's directory for the console, as a daemon leaves it, without any tunnel.

It has real registry files, the daemon's copy of them, and a real state file.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from pathlib import Path

from checker.config.layout import Layout, home_layout
from checker.model import (
    Forward,
    Node,
    NodeName,
    Port,
    ProcessId,
    Status,
    Tunnel,
    parse_expect,
    parse_target,
)
from checker.registry.file_stamps import signs
from checker.registry.node_file import node_toml
from checker.registry.snapshot import write_copy
from checker.state.rows import Batch, Sweep
from checker.state.store import open_store

EVERY_S = 30.0
"""The time between sweeps: for 5,000 rows that is 167 probes a second."""
FIRST_PORT = 20000
PLACES = ("attic", "barn", "dock", "east", "farm", "hall", "mill", "yard")
SINCE_S = 3.5 * 3600
"""The age of each status, whose text does not change for the next half hour."""


def name_of(number: int) -> NodeName:
    return NodeName(f"{PLACES[number % len(PLACES)]}-{number:04d}")


def names(count: int) -> list[NodeName]:
    """Return all node names, in the table's first order."""
    return sorted(map(name_of, range(count)))


def public_key(number: int) -> str:
    """Return a well-formed public key without a private key."""
    kind = b"ssh-ed25519"
    blob = struct.pack(">I", len(kind)) + kind + struct.pack(">I", 32) + number.to_bytes(32, "big")
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def node_of(number: int, now: float) -> Node:
    target = parse_target(f"192.168.{number % 250}.{number // 250 + 1}:22")
    forward = Forward(
        node=name_of(number),
        port=Port(FIRST_PORT + number),
        target=target,
        expect=parse_expect("banner:SSH-2.0"),
    )
    return Node(
        name=forward.node, public_key=public_key(number), forwards=(forward,), added_at=int(now)
    )


def status_of(number: int) -> Status:
    """Return a status, so that some of the fleet is not up."""
    return Status.HUNG if number % 20 == 7 else Status.DOWN if number % 25 == 11 else Status.UP


def tunnel_of(number: int, now: float) -> Tunnel:
    status = status_of(number)
    return Tunnel(
        node=name_of(number),
        port=Port(FIRST_PORT + number),
        status=status,
        detail=(
            "SSH-2.0-dropbear"
            if status is Status.UP
            else "no answer within 5 s"
            if status is Status.HUNG
            else "nobody listens"
        ),
        latency_ms=20.0 + number * 7 % 180 if status is Status.UP else None,
        peer=None if status is Status.DOWN else f"203.0.113.{number % 250}:{40000 + number}",
        session=(
            None
            if status is Status.DOWN
            else ProcessId(pid=4000 + number * 13 % 20000, start_ticks=777)
        ),
        since=now - SINCE_S,
        probed_at=now,
        checked_at=now,
    )


def make_home(
    home: Path, count: int, now: float, make_node: Callable[[int, float], Node] = node_of
) -> Layout:
    """Make a directory with so many nodes, each with one forward that was probed now."""
    layout = home_layout(home)
    layout.nodes.mkdir(parents=True)
    layout.config.write_text(f"probe_every_s = {EVERY_S:g}\n", encoding="utf-8")
    nodes = {name_of(number): make_node(number, now) for number in range(count)}
    for name, node in nodes.items():
        (layout.nodes / f"{name}.toml").write_bytes(node_toml(node))
    layout.run.mkdir()
    read, public = signs(layout.nodes)
    write_copy(layout, nodes, read, public=public)
    store = open_store(layout.state)
    try:
        tunnels = [tunnel_of(number, now) for number in range(count)]
        store.write(Batch(tunnels=tunnels, sweep=Sweep(pid=1, swept_at=now, every_s=EVERY_S)))
    finally:
        store.close()
    return layout
