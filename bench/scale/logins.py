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
ALIKE, ROUGH, ROUGH_SHARE = 3, 0.15, 0.02
"""How many readings of the idle daemon must be alike, and by how much they may differ."""
STEADY_WITHIN_S = 300.0
SELDOM = "probe_every_s = 3600\nrequests_a_minute = 1000000\n"
"""Keep probes out of the figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCost:
    """CPU at the gateway for each login, in milliseconds, and what the daemon takes without any."""

    all_ms: float
    """With what the daemon takes anyway."""
    idle_ms: tuple[float, float]
    """What the daemon takes anyway in the time of a login, before and after them."""

    @property
    def own_ms(self) -> float:
        return self.all_ms - sum(self.idle_ms) / 2

    @property
    def is_sure(self) -> bool:
        """Whether the login costs more than what the idle daemon varies by."""
        return self.own_ms > abs(self.idle_ms[1] - self.idle_ms[0])

    def __str__(self) -> str:
        return f"{self.own_ms:.0f} ms" if self.is_sure else "less than the idle daemon varies by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """What a login costs with so many nodes."""

    registered: int
    by_fingerprint: LoginCost
    by_file: LoginCost
    """The key in the last lines."""
    idle: tuple[float, ...]
    """Shares of a core that the daemon takes without any login: before, between and after."""


def cpu_s(roots: Sequence[psutil.Process]) -> float:
    return sum(tree_cpu_s(root) for root in roots)


async def idle_share(server: Gateway, seconds: float) -> float:
    """Return the share of a core that the daemon takes now."""
    before, began = own_cpu_s(server.daemon), time.monotonic()
    await asyncio.sleep(seconds)
    return (own_cpu_s(server.daemon) - before) / (time.monotonic() - began)


def is_steady(shares: Sequence[float]) -> bool:
    """Return whether the last readings of the daemon's share of a core are alike."""
    last = shares[-ALIKE:]
    return len(last) == ALIKE and max(last) - min(last) <= ROUGH_SHARE + ROUGH * min(last)


async def settled(server: Gateway, seconds: float) -> float:
    """Wait until the daemon takes as much as before, reading its share for that long each
    time; return that share. After five minutes, return it although it is not steady.
    """
    shares: list[float] = []
    end = time.monotonic() + STEADY_WITHIN_S
    while not is_steady(shares) and time.monotonic() < end:
        shares.append(await idle_share(server, seconds))
    return sum(shares[-ALIKE:]) / len(shares[-ALIKE:])


async def login_s(
    server: Gateway, roots: Sequence[psutil.Process], members: Sequence[Member], count: int
) -> tuple[float, float]:
    """Log in with OpenSSH's client, and run `check`; return the CPU at these processes and the time
    that each took, in seconds.
    """
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
    return (await asyncio.to_thread(cpu_s, roots) - before) / count, took_s / count


def cost_from(login: tuple[float, float], before: float, after: float) -> LoginCost:
    """Return the cost, given the daemon's share of a core before and after the logins."""
    spent_s, took_s = login
    return LoginCost(all_ms=spent_s * 1000, idle_ms=(before * took_s * 1000, after * took_s * 1000))


async def logins(server: Gateway, members: Sequence[Member], registered: int, plan: Plan) -> Logins:
    """Measure logins at the gateway's sshd, and at one that reads the key file."""
    port = server.port
    file = server.home / "all_keys"
    file.write_bytes(present_keys(server.layout))
    first = await settled(server, plan.idle_s)
    by_fingerprint = await login_s(server, [server.daemon], members, plan.logins)
    between = await settled(server, plan.idle_s)
    sshd = OwnSshd(server, key_file=file)
    await sshd.start()
    server.port = sshd.port
    by_file = await login_s(server, [sshd.root, server.daemon], members, plan.logins)
    await sshd.stop()
    server.port = port
    last = await settled(server, plan.idle_s)
    return Logins(
        registered=registered,
        by_fingerprint=cost_from(by_fingerprint, first, between),
        by_file=cost_from(by_file, between, last),
        idle=(first, between, last),
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


def login_figure(one: Logins, smallest: Logins, *, is_last: bool) -> Figure:
    """The line of the logins at one size. What is not sure is not judged."""
    cost, least = one.by_fingerprint, smallest.by_fingerprint
    is_judged = is_last and one.registered >= FEW and cost.is_sure
    more = (
        f"; {times(cost.own_ms, least.own_ms)} as much as with {smallest.registered}"
        if cost.is_sure and least.is_sure
        else ""
    )
    return Figure(
        what=f"CPU of a login, {one.registered:,} keys, by fingerprint, gate included",
        measured=f"{cost}{more}",
        beside=f"key file, in its last lines: {one.by_file}; the idle daemon before, between and"
        f" after: {', '.join(f'{share * 100:.1f}' for share in one.idle)} % of a core",
        target=f"<= {MOST_LOGIN_MS:g} ms" if is_last else "",
        met=cost.own_ms <= MOST_LOGIN_MS if is_judged else None,
    )


def figures(found: Grown) -> Iterator[Figure]:
    """The lines of the table."""
    smallest, largest = found.logins[0], found.logins[-1]
    for one in found.logins:
        yield login_figure(one, smallest, is_last=one is largest)
    yield Figure(
        what=f"node add, {largest.registered:,} registered",
        measured=str(found.last_add),
        beside=f"{smallest.registered} registered: {found.first_add}",
        target=f"<= {MOST_ADD_MS / 1000:g} s",
        met=found.last_add.wall_ms <= MOST_ADD_MS if largest.registered >= FEW else None,
    )
