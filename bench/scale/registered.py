"""A gateway with many registered nodes, a few of which have a client."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bench.console_home import public_key
from bench.scale.plan import Plan
from bench.setting import Gateway, Member, gateway, listening, until
from checker.config.layout import Layout
from checker.model import Forward, Node, Port, parse_expect, parse_name, parse_target
from checker.registry.node_file import node_toml
from demo.processes import start

FIRST_PORT = 10_000
"""All names are of one length: their order is that of the ports."""
LOCAL_PORTS = "45000 64999"
"""The kernel's own ports, away from those of the nodes."""
MORE_PORTS = 500
"""For `node add`: before those of the nodes, as a node on a port that it took would be broken."""
BANNER_PORT = 2022
TARGET = f"127.0.0.1:{BANNER_PORT}"
UP = ("up", "--ssh-port", "0")


def write_nodes(layout: Layout, ports: Sequence[int]) -> None:
    """Write the files of nodes that have no client."""
    for port in ports:
        forward = Forward(
            node=parse_name(f"node{port}"),
            port=Port(port),
            target=parse_target(TARGET),
            expect=parse_expect("banner:SSH-2.0"),
        )
        node = Node(
            name=forward.node,
            public_key=public_key(port),
            forwards=(forward,),
            added_at=int(time.time()),
        )
        (layout.nodes / f"{node.name}.toml").write_bytes(node_toml(node))


async def grow(server: Gateway, before: int, after: int, clients: int) -> list[Member]:
    """Register nodes until there are so many; the last `clients` have a client's files."""
    ports = range(FIRST_PORT + before, FIRST_PORT + after)
    clients = min(clients, len(ports))
    await asyncio.to_thread(write_nodes, server.layout, ports[: len(ports) - clients])
    return await server.add(ports[len(ports) - clients :], TARGET)


def toml_of(plan: Plan, more: str = "") -> str:
    last = FIRST_PORT + plan.registered[-1] - 1
    return f'ports = "{FIRST_PORT - MORE_PORTS}-{last}"\n{more}'


def separate_local_ports() -> None:
    """Keep the kernel's own ports of this namespace away from those of the nodes."""
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(LOCAL_PORTS, encoding="ascii")


@contextlib.asynccontextmanager
async def prepared(plan: Plan, user: str, more: str) -> AsyncIterator[Gateway]:
    """Run a gateway, and a service for its tunnels in a process of its own."""
    separate_local_ports()
    async with gateway(toml=toml_of(plan, more), user=user) as server:
        server.clients.append(
            await start(
                [sys.executable, "-m", "bench.banner", str(BANNER_PORT)],
                log=server.home / "banner.log",
                env=server.env,
            )
        )
        await until(lambda: bool(listening([BANNER_PORT])))
        yield server
