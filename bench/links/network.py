"""Shaped links between network namespaces: one gateway, one router, and a device behind each link.

This process is in the gateway's namespace. It keeps the others by open files, so that the kernel
removes them when it ends, even if it is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    """A rate and a queue, for each direction, and how TCP at both ends fills it."""

    kbit: int
    queue_kb: int
    congestion: str = ""
    """The algorithm of congestion control; empty for the kernel's default."""

    def __str__(self) -> str:
        rate = f"{self.kbit // 1000} Mbit/s" if self.kbit % 1000 == 0 else f"{self.kbit} kbit/s"
        queue = (
            f"{self.queue_kb // 1000} MB" if self.queue_kb % 1000 == 0 else f"{self.queue_kb} kB"
        )
        return f"{rate}, queue {queue}{', ' if self.congestion else ''}{self.congestion}"

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

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Move this thread into the namespace during the block. Raises OSError."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            enter("setns", self.file, CLONE_NEWNET)
            yield
        finally:
            enter("setns", home, CLONE_NEWNET)
            os.close(home)

    def listen(self, port: int) -> socket.socket:
        """A listening socket on its loopback."""
        with self.entered():
            return socket.create_server(("127.0.0.1", port))

    def carried(self, interface: str) -> int:
        """Bytes that the interface received and sent. Source: proc(5), /proc/net/dev."""
        with self.entered():
            lines = Path("/proc/thread-self/net/dev").read_text(encoding="ascii").splitlines()
        words = next(line.split() for line in lines if line.strip().startswith(f"{interface}:"))
        return int(words[1]) + int(words[9])

    def close(self) -> None:
        os.close(self.file)


class Link:
    """A device, its modem, and the link to the router, which can turn it into a black hole."""

    def __init__(self, router: Space, number: int) -> None:
        self.router, self.number = router, number
        self.modem, self.device = Space(), Space()
        self.address = f"10.78.{number}.2"

    async def lay(self, shape: Shape | None) -> None:
        """Make the links, addresses and routes, and shape both ends. Raises DemoFailed.

        What the device sends is queued in the modem: a queue on the device itself would not fill,
        as its kernel knows it and holds back.
        """
        way, modem = f"10.78.{self.number}.1", f"10.79.{self.number}"
        control = f" congctl {shape.congestion}" if shape is not None and shape.congestion else ""
        await self.router.run(
            f"ip link add to{self.number} address {NEAR} type veth"
            f" peer name wan0 address {FAR} netns {self.modem.path}",
            f"ip addr add {modem}.1/24 dev to{self.number}",
            f"ip link set to{self.number} up",
            f"ip neigh replace {modem}.2 lladdr {FAR} dev to{self.number} nud permanent",
            f"ip route add {self.address} via {modem}.2",
        )
        await self.modem.run(
            f"ip link add lan0 address {NEAR} type veth"
            f" peer name up0 address {FAR} netns {self.device.path}",
            f"ip addr add {modem}.2/24 dev wan0",
            f"ip addr add {way}/24 dev lan0",
            "ip link set wan0 up",
            "ip link set lan0 up",
            f"ip route add default via {modem}.1",
            f"ip neigh replace {modem}.1 lladdr {NEAR} dev wan0 nud permanent",
            f"ip neigh replace {self.address} lladdr {FAR} dev lan0 nud permanent",
        )
        await route_on(self.modem)
        await self.device.run(
            "ip link set lo up",
            f"ip addr add {self.address}/24 dev up0",
            "ip link set up0 up",
            f"ip route add default via {way}{control}",
            f"ip neigh replace {way} lladdr {NEAR} dev up0 nud permanent",
        )
        if control:
            await run_quietly(*f"ip route add {self.address} via {ROUTER}{control}".split())
        if shape is not None:
            tbf = f"tbf rate {shape.kbit}kbit burst {BURST} limit {shape.queue_kb * 1000}"
            await self.router.run(f"tc qdisc add dev to{self.number} root {tbf}")
            await self.modem.run(f"tc qdisc add dev wan0 root {tbf}")

    async def cut(self) -> None:
        """Drop everything at the router, silently."""
        for way in ("from", "to"):
            await self.router.run(f"ip rule add {way} {self.address} blackhole")

    async def mend(self) -> None:
        for way in ("from", "to"):
            await self.router.run(f"ip rule del {way} {self.address} blackhole")

    def carried(self) -> int:
        """Bytes that reached the device or left it; those that the kernel drops or keeps too."""
        return self.device.carried("up0")

    def close(self) -> None:
        self.modem.close()
        self.device.close()


async def route_on(space: Space) -> None:
    """Let the namespace forward packets. Raises DemoFailed."""
    await run_quietly(*space.inside("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"))


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
    await route_on(router)
    return router
