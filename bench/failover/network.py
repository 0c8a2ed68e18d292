"""Two gateways and their nodes, each in a network namespace, with a router between them.

This process is in the first gateway's. Rules of the router drop all packets of one gateway, in both
directions and without a reply, as when its power or its line fails.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from bench.links.network import GATEWAY, Space, lay_router
from checker.linux.sockets import read_listeners

FIRST, SECOND, NODES = GATEWAY, "10.77.2.1", "10.77.3.1"


class Network:
    """The namespaces."""

    def __init__(self, router: Space) -> None:
        self.router, self.second, self.nodes = router, Space(), Space()

    async def lay(self) -> None:
        """Connect the second gateway and the nodes to the router. Raises DemoFailed."""
        for name, space, address in (("gw2", self.second, SECOND), ("nodes", self.nodes, NODES)):
            way = f"{address.rpartition('.')[0]}.254"
            await self.router.run(
                f"ip link add {name} type veth peer name up0 netns {space.path}",
                f"ip addr add {way}/24 dev {name}",
                f"ip link set {name} up",
            )
            await space.run(
                "ip link set lo up",
                f"ip addr add {address}/24 dev up0",
                "ip link set up0 up",
                f"ip route add default via {way}",
            )

    async def cut(self, address: str) -> None:
        """Drop everything of this gateway, silently."""
        for way in ("from", "to"):
            await self.router.run(f"ip rule add {way} {address} blackhole")

    async def mend(self, address: str) -> None:
        for way in ("from", "to"):
            await self.router.run(f"ip rule del {way} {address} blackhole")

    def listeners(self, *, second: bool) -> dict[int, int]:
        """Return the inode of each listener of a gateway, by port: each tunnel has another one."""
        with self.second.entered() if second else contextlib.nullcontext():
            found = read_listeners()
        return {port: max(one.inode for one in some) for port, some in found.items()}

    def close(self) -> None:
        for space in (self.router, self.second, self.nodes):
            space.close()


@contextlib.asynccontextmanager
async def network() -> AsyncIterator[Network]:
    made = Network(await lay_router())
    try:
        await made.lay()
        yield made
    finally:
        made.close()
