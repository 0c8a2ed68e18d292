"""What a login and `node add` cost while the registry grows."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.cpu import own_cpu_s, tree_cpu_s
from bench.figures import Cost, Figure, times
from bench.own_sshd import OwnSshd
from bench.scale.plan import Plan
from bench.scale.registered import grow
from bench.setting import Gateway, Member
from bench.ssh_hosts import cost_of, median
from checker.registry.authorized_keys import present_keys
from demo.processes import program

FIRST = 8
"""Nodes with a client at each size but the last: the last lines of the key file."""
MOST_LOGIN_MS = 45.0
MOST_ADD_MS = 1000.0
FEW = 1000
"""With fewer nodes the targets mean nothing."""
REAPED_S = 0.5
SELDOM = "probe_every_s = 3600\nrequests_a_minute = 1000000\n"
"""Keep probes out of the figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """CPU at the gateway for each login, in milliseconds."""

    registered: int
    by_fingerprint_ms: float
    by_file_ms: float
    """The key in the last lines."""
    idle: float
    """Percent of a core that the daemon takes without any login; not part of the others."""


def cpu_s(roots: Sequence[psutil.Process]) -> float:
    return sum(tree_cpu_s(root) for root in roots)


async def login_ms(
    server: Gateway,
    roots: Sequence[psutil.Process],
    members: Sequence[Member],
    count: int,
    idle: float,
) -> float:
    """Log in with OpenSSH's client, and run `check`; return the CPU of one at these processes."""
    before, began = await asyncio.to_thread(cpu_s, roots), time.monotonic()
    for number in range(count):
        member = members[number % len(members)]
        process = await asyncio.create_subprocess_exec(
            *server.ssh(member.key),
            "check",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        await process.wait()
    await asyncio.sleep(REAPED_S)
    took_s = time.monotonic() - began
    return (await asyncio.to_thread(cpu_s, roots) - before - idle * took_s) / count * 1000


async def logins(server: Gateway, members: Sequence[Member], registered: int, plan: Plan) -> Logins:
    """Measure logins at the gateway's sshd, and at one that reads the key file."""
    port = server.port
    file = server.home / "all_keys"
    file.write_bytes(present_keys(server.layout))
    await asyncio.sleep(REAPED_S)
    before, began = own_cpu_s(server.daemon), time.monotonic()
    await asyncio.sleep(plan.idle_s)
    idle = (own_cpu_s(server.daemon) - before) / (time.monotonic() - began)
    by_fingerprint = await login_ms(server, [server.daemon], members, plan.logins, idle)
    sshd = OwnSshd(server, key_file=file)
    await sshd.start()
    server.port = sshd.port
    roots = [sshd.root, server.daemon]
    by_file = await login_ms(server, roots, members, plan.logins, idle)
    await sshd.stop()
    server.port = port
    return Logins(
        registered=registered,
        by_fingerprint_ms=by_fingerprint,
        by_file_ms=by_file,
        idle=idle * 100,
    )


async def add_cost(server: Gateway, registered: int, adds: int) -> Cost:
    """Run `node add` so often, as an admin does; return the median."""
    folder = server.home / f"added{registered}"
    folder.mkdir()
    costs = []
    for number in range(adds):
        name = f"zz{registered}-{number}"
        words: list[str | Path] = [
            program("reversi-checker"),
            *("--home", str(server.home), "node", "add", name),
            *("--forward", "127.0.0.1:22,banner:SSH-2.0"),
            *("--client-config", str(folder / f"{name}.toml")),
        ]
        costs.append(await cost_of(words, folder / "output"))
    return median(costs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """What was measured while the registry grew, and the nodes with a client at the end."""

    logins: Sequence[Logins]
    first_add: Cost
    last_add: Cost
    members: list[Member]


async def grown(server: Gateway, plan: Plan) -> Grown:
    """Register all nodes, and measure at each size."""
    found, adds, members, before = [], [], [], 0
    ends = (plan.registered[0], plan.registered[-1])
    for count in plan.registered:
        clients = plan.held[-1] if count == plan.registered[-1] else FIRST
        members = await grow(server, before, count, clients)
        found.append(await logins(server, members[-FIRST:], count, plan))
        if count in ends:
            adds.append(await add_cost(server, count, plan.adds))
        before = count
    return Grown(logins=found, first_add=adds[0], last_add=adds[-1], members=members)


def figures(found: Grown) -> Iterator[Figure]:
    """The lines of the table."""
    smallest, largest = found.logins[0], found.logins[-1]
    for one in found.logins:
        judged = one is largest and one.registered >= FEW
        yield Figure(
            what=f"CPU of a login, {one.registered:,} keys, by fingerprint, gate included",
            measured=f"{one.by_fingerprint_ms:.0f} ms;"
            f" {times(one.by_fingerprint_ms, smallest.by_fingerprint_ms)} as much as with"
            f" {smallest.registered}",
            beside=f"key file, in its last lines: {one.by_file_ms:.0f} ms; the idle daemon:"
            f" {one.idle:.1f} % of a core",
            target=f"<= {MOST_LOGIN_MS:g} ms" if one is largest else "",
            met=one.by_fingerprint_ms <= MOST_LOGIN_MS if judged else None,
        )
    yield Figure(
        what=f"node add, {largest.registered:,} registered",
        measured=str(found.last_add),
        beside=f"{smallest.registered} registered: {found.first_add}",
        target=f"<= {MOST_ADD_MS / 1000:g} s",
        met=found.last_add.wall_ms <= MOST_ADD_MS if largest.registered >= FEW else None,
    )
