"""Restart a gateway with many nodes, and time their return."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from bench.crowd import Crowd
from bench.figures import Figure
from bench.herd.watch import CORES, Marks, Spent, kills, marks, spent
from bench.many_clients import Count
from bench.own_sshd import OwnSshd
from bench.setting import Gateway
from demo.processes import DemoFailed

POLL_S = 0.25
WITHIN_S = 240.0
MOST = 1.3
"""Times the time that the logins need if no core is idle."""
FEW = 200
"""With fewer nodes their back-off counts, not the logins, and the target means nothing."""
DOWN_S = 2.0
"""How long sshd is away: as long as a restart takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """The seconds until so many nodes were back."""

    half_s: float
    most_s: float
    all_s: float

    def __str__(self) -> str:
        return f"half {self.half_s:.1f} s, 95 % {self.most_s:.1f} s, all {self.all_s:.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The CPU of one login, in seconds, while few wait."""

    gateway_s: float
    node_s: float

    def limit_s(self, logins: int) -> float:
        """Return how long so many take, if the cores do nothing else."""
        return logins * (self.gateway_s + self.node_s) / CORES

    def __str__(self) -> str:
        return (
            f"{self.gateway_s * 1000:.0f} ms at the gateway, {self.node_s * 1000:.0f} at the node"
        )


def at_share(times_s: Sequence[float], share: float) -> float:
    """Return when this share of them had come."""
    ordered = sorted(times_s)
    return ordered[max(0, round(len(ordered) * share) - 1)]


async def times_up(
    ports: Collection[int], began: float, there: Callable[[], Collection[int]]
) -> list[float]:
    """Return when each port had a listener first, in seconds since `began`. Raises DemoFailed."""
    came: dict[int, float] = {}
    while len(came) < len(ports):
        now = time.monotonic()
        for port in there():
            came.setdefault(port, now - began)
        if now - began > WITHIN_S:
            raise DemoFailed(f"{len(ports) - len(came)} nodes were not back within {WITHIN_S:g} s")
        await asyncio.sleep(POLL_S)
    return list(came.values())


def returned(times_s: Sequence[float]) -> Return:
    return Return(half_s=at_share(times_s, 0.5), most_s=at_share(times_s, 0.95), all_s=max(times_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Herd:
    """What was seen of one restart."""

    what: str
    nodes: int
    back: Return
    cost: Spent
    marks: Marks
    clients: Count
    killed: Sequence[str]


async def restarted(  # noqa: PLR0913 - what is there, and what is done
    server: Gateway,
    sshd: OwnSshd,
    crowd: Crowd,
    ports: Sequence[int],
    there: Callable[[], Collection[int]],
    *,
    with_daemon: bool,
) -> Herd:
    """Restart sshd, with or without the daemon, and wait until all nodes are back."""
    before = len(kills(server))
    await crowd.count()
    await sshd.stop()
    if with_daemon:
        port = server.port
        await server.end()
        await server.start(["up", "--ssh-port", "0", "--listen", server.listen])
        server.port = port
    else:
        await asyncio.sleep(DOWN_S)
    await sshd.start()
    first = spent(server, sshd, crowd)
    async with marks(server) as seen:
        back = returned(await times_up(ports, first.at, there))
        cost = spent(server, sshd, crowd).since(first)
        clients = await crowd.count()
    return Herd(
        what="sshd and daemon restarted" if with_daemon else "sshd alone restarted",
        nodes=len(ports),
        back=back,
        cost=cost,
        marks=seen,
        clients=clients,
        killed=kills(server)[before:],
    )


def figures(herd: Herd, login: Login) -> Iterator[Figure]:
    """The lines of the table for one restart."""
    limit_s = login.limit_s(herd.nodes)
    what = f"herd, {herd.nodes} nodes, {herd.what}"
    yield Figure(
        what=f"{what}: up again",
        measured=f"{herd.back}; {herd.back.all_s / limit_s:.2f} x the limit",
        beside=f"limit {limit_s:.1f} s: nodes x login CPU / {CORES} cores, which the nodes share"
        f" ({login}); {herd.cost.others}",
        target=f"all <= {MOST} x the limit",
        met=herd.back.all_s <= MOST * limit_s if herd.nodes >= FEW else None,
    )
    yield Figure(
        what=f"{what}: CPU until all were up",
        measured=f"{herd.cost}; of {herd.cost.at * CORES:.0f} s that the cores had",
        beside=f"logins that failed (Python clients): {herd.clients.failed}",
    )
    yield Figure(
        what=f"{what}: daemon",
        measured=f"tunnels killed: {len(herd.killed)}; oldest mark of a sweep"
        f" {herd.marks.oldest_s:.1f} s",
        beside="; ".join(sorted(set(herd.killed))[:3]),
        target=f"0; < {herd.marks.allowed_s:g} s",
        met=not herd.killed and herd.marks.oldest_s < herd.marks.allowed_s,
    )
