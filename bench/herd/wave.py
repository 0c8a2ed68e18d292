"""A wave of logins beside healthy tunnels."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.crowd import Crowd
from bench.figures import Figure
from bench.herd.logins import Tally
from bench.herd.restart import FEW as JUDGED
from bench.herd.restart import Login
from bench.herd.watch import CORES, Marks, Spent, holders, kills, marks, spent
from bench.many_clients import LATE_S, Count
from bench.own_sshd import OwnSshd
from bench.setting import Gateway, Member
from demo.processes import DemoFailed, start, tail

WITHIN_S = 400.0
FEW = 4
LEAST_SHARE = 0.7
"""Of the logins that the cores carry, how many succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """What was seen of one wave."""

    healthy: int
    lost: int
    """Healthy tunnels whose session is another one now."""
    tally: Tally
    login: Login
    """What one login of the wave costs, while few wait."""
    cost: Spent
    marks: Marks
    clients: Count
    killed: Sequence[str]


async def logins(server: Gateway, members: Sequence[Member], at_once: int) -> Tally:
    """Log in with each member's key. Raises DemoFailed."""
    spec, log = server.home / f"logins{at_once}.json", server.home / "logins.log"
    spec.write_text(
        json.dumps(
            {
                "host": server.listen,
                "port": server.port,
                "user": server.user,
                "known_hosts": server.known_hosts,
                "at_once": at_once,
                "keys": [str(member.key) for member in members],
            }
        ),
        encoding="utf-8",
    )
    process = await start(
        [sys.executable, "-m", "bench.herd.logins", str(spec)], log=log, env=server.env, stdout=PIPE
    )
    server.clients.append(process)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(WITHIN_S):
            line = await process.stdout.readline()
            await process.wait()
    except TimeoutError:
        line = b""
    if not line:
        raise DemoFailed(f"{len(members)} logins did not all succeed:\n{tail(log)}")
    return Tally(**json.loads(line))


async def wave(  # noqa: PLR0913 - what is there, and what is done
    server: Gateway,
    sshd: OwnSshd,
    crowd: Crowd,
    healthy: Sequence[int],
    members: Sequence[Member],
    *,
    sample: int,
    watch_s: float,
) -> Wave:
    """Log in with all members at once, while the others' tunnels beat."""
    before = spent(server, sshd, crowd)
    tried = await logins(server, members[:sample], FEW)
    gateway_s = spent(server, sshd, crowd).since(before).sshd_s
    first_holders, first_kills = holders(server, healthy), len(kills(server))
    await crowd.count()
    first = spent(server, sshd, crowd)
    async with marks(server) as seen:
        tally = await logins(server, members, len(members))
        cost = spent(server, sshd, crowd).since(first)
        await asyncio.sleep(watch_s)
        clients = await crowd.count()
    after = holders(server, healthy)
    return Wave(
        healthy=len(healthy),
        lost=sum(after.get(port) != session for port, session in first_holders.items())
        + len(healthy)
        - len(first_holders),
        tally=tally,
        login=Login(gateway_s=gateway_s / sample, node_s=tried.cpu_s / sample),
        cost=cost,
        marks=seen,
        clients=clients,
        killed=kills(server)[first_kills:],
    )


def figures(seen: Wave) -> Iterator[Figure]:
    """The lines of the table."""
    tally, count = seen.tally, seen.clients
    limit_s = seen.login.limit_s(tally.logins)
    what = f"herd, {tally.logins} logins at once beside {seen.healthy} healthy tunnels"
    yield Figure(
        what=f"{what}: tunnels lost",
        measured=f"{seen.lost}; killed: {len(seen.killed)}; cut by their own client: {count.lost}",
        beside="; ".join(sorted(set(seen.killed))[:3]),
        target="0",
        met=not (seen.lost or seen.killed or count.lost),
    )
    yield Figure(
        what=f"{what}: their beats",
        measured=f"{count.beats} answered, {count.late} after more than {LATE_S:g} s, the slowest"
        f" after {count.worst_s:.1f} s",
        beside=f"their own process was late by {count.own_lag_s:.1f} s; a client waits 8 s; oldest"
        f" mark of a sweep {seen.marks.oldest_s:.1f} s",
        target="all answered",
        met=count.lost == 0,
    )
    yield Figure(
        what=f"{what}: all logged in",
        measured=f"half {tally.half_s:.1f} s, 95 % {tally.most_s:.1f} s, all {tally.took_s:.1f} s;"
        f" {limit_s / tally.took_s:.0%} of what the cores carry",
        beside=f"{limit_s:.1f} s: logins x CPU / {CORES} cores ({seen.login}); refused"
        f" {tally.refused}, timed out {tally.slow}; {seen.cost}; {seen.cost.others}",
        target=f">= {LEAST_SHARE:.0%}",
        met=limit_s / tally.took_s >= LEAST_SHARE if tally.logins >= JUDGED else None,
    )
