"""Measure the time from the end of a black hole, as on a 3G link, until the tunnel is usable.

There are three network namespaces: the gateway's (`unshare` starts this process in it), a router's,
and the nodes'. Rules of the router drop all packets silently, in both directions. To imitate a NAT
that gives new source ports, the old connections' packets are dropped for ever. This needs root.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import shutil
import statistics
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, spread
from bench.setting import FULL, QUICK, Gateway, Member, Scale, gateway, until_usable
from demo.processes import DemoFailed, ended_after, program, run_quietly, start
from demo.stage import free_ports

GATEWAY, NODES = "10.77.1.1", "10.77.2.1"
BANNER_PORT = 2022
TARGET_S = 10.0
USABLE_WITHIN_S = 180.0
OLD_FLOWS, ALL_FLOWS = "100", "200"
"""The priorities of the router's rules."""


async def outages(scale: Scale) -> list[Figure]:
    """Run this module in a new network namespace, and return its figures."""
    missing = [name for name in ("ip", "unshare", "nsenter") if shutil.which(name) is None]
    why = "needs root" if os.geteuid() else f"needs {', '.join(missing)}" if missing else ""
    if why:
        return [
            Figure(
                what="black hole to usable again",
                measured=f"left out: {why}",
                target=f"<= {TARGET_S:g} s median",
            )
        ]
    found = await run_quietly(
        "unshare",
        "--net",
        "--kill-child",
        sys.executable,
        "-m",
        "bench.blackhole",
        str(scale == QUICK or ""),
    )
    return [Figure(**figure) for figure in json.loads(found)]


class Network:
    """The router's and the nodes' namespaces, each kept open by a sleeping process."""

    def __init__(self) -> None:
        self.keepers: list[Process] = []
        self.old_ports: list[int] = []
        """The nodes' source ports of the connections before the cut."""

    async def keep(self, log: Path) -> Process:
        keeper = await start(["unshare", "--net", "sleep", "infinity"], log=log, env=os.environ)
        self.keepers.append(keeper)
        own = Path("/proc/self/ns/net").readlink()  # noqa: ASYNC240 - /proc does not block
        while Path(f"/proc/{keeper.pid}/ns/net").readlink() == own:  # noqa: ASYNC110, ASYNC240 - another process does it
            await asyncio.sleep(0.01)
        return keeper

    def inside(self, keeper: Process, *argv: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{keeper.pid}/ns/net", *argv]

    async def lay(self, log: Path) -> None:
        """Make the links, addresses and routes."""
        self.router, self.nodes = await self.keep(log), await self.keep(log)
        router, nodes = str(self.router.pid), str(self.nodes.pid)
        await run_quietly("ip", "link", "set", "lo", "up")
        await run_quietly(
            "ip", "link", "add", "gw0", "type", "veth", "peer", "name", "to-gw", "netns", router
        )
        await run_quietly("ip", "addr", "add", f"{GATEWAY}/24", "dev", "gw0")
        await run_quietly("ip", "link", "set", "gw0", "up")
        await run_quietly("ip", "route", "add", "default", "via", "10.77.1.254")
        for command in (
            "link set lo up",
            f"link add to-node type veth peer name node0 netns {nodes}",
            "addr add 10.77.1.254/24 dev to-gw",
            "addr add 10.77.2.254/24 dev to-node",
            "link set to-gw up",
            "link set to-node up",
        ):
            await self.ip(self.router, command)
        await run_quietly(
            *self.inside(self.router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        )
        for command in (
            "link set lo up",
            f"addr add {NODES}/24 dev node0",
            "link set node0 up",
            "route add default via 10.77.2.254",
        ):
            await self.ip(self.nodes, command)

    async def ip(self, keeper: Process, command: str) -> None:
        await run_quietly(*self.inside(keeper, "ip", *command.split()))

    async def cut(self) -> None:
        """Drop everything at the router, silently."""
        self.old_ports = self.local_ports()
        for end in (NODES, GATEWAY):
            await self.ip(self.router, f"rule add priority {ALL_FLOWS} from {end} blackhole")

    async def mend(self, *, new_ports: bool) -> None:
        """Let everything pass again; with new ports, all but the old connections."""
        for port in self.old_ports if new_ports else ():
            await self.ip(
                self.router,
                f"rule add priority {OLD_FLOWS} from {NODES} ipproto tcp sport {port} blackhole",
            )
            await self.ip(
                self.router,
                f"rule add priority {OLD_FLOWS} to {NODES} ipproto tcp dport {port} blackhole",
            )
        for _ in (NODES, GATEWAY):
            await self.ip(self.router, f"rule del priority {ALL_FLOWS}")

    def local_ports(self) -> list[int]:
        """Return the nodes' source ports of their connections to the gateway, in any state."""
        table = Path(f"/proc/{self.nodes.pid}/net/tcp").read_text(encoding="ascii")
        local = "".join(f"{int(part):02X}" for part in reversed(NODES.split(".")))
        return [
            int(port, 16)
            for port in re.findall(rf"^ *\d+: {local}:([0-9A-F]{{4}}) ", table, re.MULTILINE)
        ]


async def connect(network: Network, server: Gateway, members: Sequence[Member]) -> None:
    """Start the nodes' clients and their target service in the nodes' namespace."""
    log = server.home / "nodes.log"
    argvs = [[sys.executable, "-m", "bench.banner", str(BANNER_PORT)]]
    argvs += [
        [program("reversi-client"), "run", "--config", str(member.config)] for member in members
    ]
    for argv in argvs:
        server.clients.append(
            await start(
                network.inside(network.nodes, *argv), log=log, env=server.env, stdout=DEVNULL
            )
        )
    await all_usable(members)


async def all_usable(members: Sequence[Member]) -> list[float]:
    """Return when each tunnel became usable (monotonic)."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(until_usable(member.port, USABLE_WITHIN_S), name=member.name)
            for member in members
        ]
    return [task.result() for task in tasks]


async def outage(
    network: Network, members: Sequence[Member], lasts_s: float, *, new_ports: bool
) -> list[float]:
    """Make an outage; return the seconds from its end until each tunnel is usable."""
    await network.cut()
    await asyncio.sleep(lasts_s)
    await network.mend(new_ports=new_ports)
    back = time.monotonic()
    return [usable - back for usable in await all_usable(members)]


async def measure(scale: Scale) -> list[Figure]:
    """Measure each length of outage, with the old source ports and with new ones.

    All nodes share each outage.
    """
    figures = []
    network = Network()
    async with ended_after(network.keepers):
        await network.lay(Path(os.devnull))
        async with gateway(listen=GATEWAY) as server:
            members = await server.add(free_ports(scale.trials), f"127.0.0.1:{BANNER_PORT}")
            await connect(network, server, members)
            for lasts_s in scale.outages_s:
                for new_ports in (False, True):
                    took_s = await outage(network, members, lasts_s, new_ports=new_ports)
                    what = (
                        f"black hole of {lasts_s:g} s to usable"
                        f" again{', new source ports' if new_ports else ''}"
                    )
                    figures.append(
                        Figure(
                            what=what,
                            measured=spread(took_s, "s"),
                            target=f"<= {TARGET_S:g} s median",
                            met=statistics.median(took_s) <= TARGET_S,
                        )
                    )
    return figures


if __name__ == "__main__":
    try:
        print(
            json.dumps(
                [
                    dataclasses.asdict(figure)
                    for figure in asyncio.run(measure(QUICK if sys.argv[1] else FULL))
                ]
            )
        )
    except* DemoFailed as failures:
        sys.exit(str(failures.exceptions[0]))
