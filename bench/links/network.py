"""Shaped links between network namespaces: one gateway, one router, and a device behind each link.

This process is in the gateway's namespace. It keeps the others by open files, so that the kernel
removes them when it ends, even if it is killed.
"""

from __future__ import annotations

import ctypes
import os
import socket
from dataclasses import dataclass

from demo.processes import run_quietly

GATEWAY, ROUTER = "10.77.1.1", "10.77.1.254"
LINKS_AT_MOST = 250
BURST = 4000
"""The size of the token bucket in bytes: more than a packet, too little to matter at 64 kbit/s."""
NEAR, FAR = "02:00:00:00:00:01", "02:00:00:00:00:02"
"""The two ends of a link. Their neighbour entries are permanent: an ARP request would be queued
behind bulk, and the kernel gives up after 3 s.
"""
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A rate and a queue, for each direction."""

    kbit: int
    queue_kb: int

    def __str__(self) -> str:
        rate = f"{self.kbit // 1000} Mbit/s" if self.kbit % 1000 == 0 else f"{self.kbit} kbit/s"
        queue = (
            f"{self.queue_kb // 1000} MB" if self.queue_kb % 1000 == 0 else f"{self.queue_kb} kB"
        )
        return f"{rate}, queue {queue}"

    @property
    def bytes_a_second(self) -> float:
        return self.kbit * 1000 / 8


def enter(call: str, *arguments: int) -> None:
    """Call `unshare` or `setns` for this thread. Raises OSError."""
    if getattr(LIBC, call)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


class Space:
    """A network namespace that exists while it is open."""

    def __init__(self) -> None:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            enter("unshare", CLONE_NEWNET)
            self.file = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        finally:
            enter("setns", home, CLONE_NEWNET)
            os.close(home)

    @property
    def path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self.file}"

    def inside(self, *argv: str) -> list[str]:
        """Return a command line that runs the command in the namespace."""
        return ["nsenter", f"--net={self.path}", *argv]

    async def run(self, *commands: str) -> None:
        """Run commands in the namespace, each given as one line. Raises DemoFailed."""
        for command in commands:
            await run_quietly(*self.inside(*command.split()))

    def listen(self, port: int) -> socket.socket:
        """Return a listening socket on the namespace's loopback."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            enter("setns", self.file, CLONE_NEWNET)
            return socket.create_server(("127.0.0.1", port))
        finally:
            enter("setns", home, CLONE_NEWNET)
            os.close(home)

    def close(self) -> None:
        os.close(self.file)


class Link:
    """A device's namespace and the link to it, which the router can turn into a black hole."""

    def __init__(self, router: Space, number: int) -> None:
        self.router, self.number = router, number
        self.device = Space()
        self.address = f"10.78.{number}.2"

    async def lay(self, shape: Shape | None) -> None:
        """Make the link, addresses and routes, and shape both ends. Raises DemoFailed."""
        way = f"10.78.{self.number}.1"
        await self.router.run(
            f"ip link add to{self.number} address {NEAR} type veth peer name up0 address {FAR}"
            f" netns {self.device.path}",
            f"ip addr add {way}/24 dev to{self.number}",
            f"ip link set to{self.number} up",
            f"ip neigh replace {self.address} lladdr {FAR} dev to{self.number} nud permanent",
        )
        await self.device.run(
            "ip link set lo up",
            f"ip addr add {self.address}/24 dev up0",
            "ip link set up0 up",
            f"ip route add default via {way}",
            f"ip neigh replace {way} lladdr {NEAR} dev up0 nud permanent",
        )
        if shape is not None:
            tbf = f"tbf rate {shape.kbit}kbit burst {BURST} limit {shape.queue_kb * 1000}"
            await self.router.run(f"tc qdisc add dev to{self.number} root {tbf}")
            await self.device.run(f"tc qdisc add dev up0 root {tbf}")

    async def cut(self) -> None:
        """Drop everything at the router, silently."""
        for way in ("from", "to"):
            await self.router.run(f"ip rule add {way} {self.address} blackhole")

    async def mend(self) -> None:
        for way in ("from", "to"):
            await self.router.run(f"ip rule del {way} {self.address} blackhole")

    def close(self) -> None:
        self.device.close()


async def lay_router() -> Space:
    """Make the router, and its link to the current namespace, the gateway's. Raises DemoFailed."""
    router = Space()
    await run_quietly("ip", "link", "set", "lo", "up")
    await run_quietly(
        "ip", "link", "add", "gw0", "type", "veth", "peer", "name", "to-gw", "netns", router.path
    )
    await run_quietly("ip", "addr", "add", f"{GATEWAY}/24", "dev", "gw0")
    await run_quietly("ip", "link", "set", "gw0", "up")
    await run_quietly("ip", "route", "add", "default", "via", ROUTER)
    await router.run(
        "ip link set lo up", f"ip addr add {ROUTER}/24 dev to-gw", "ip link set to-gw up"
    )
    await run_quietly(*router.inside("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"))
    return router
