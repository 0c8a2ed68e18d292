"""Measure the cost of sweeping many tunnels, and the daemon's memory with 10,000 nodes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence

from bench.cpu import memory_of, own_cpu_s, tree_cpu_s
from bench.figures import Figure
from bench.setting import Gateway, Member, Scale, banner_server, gateway, until
from checker.config.settings import load_config
from checker.daemon.startup import raise_file_limit
from checker.model import Policy, Status
from checker.registry.reading import read_registry
from checker.sshd.keygen import make_host_key
from checker.state.ledger import Ledger
from checker.state.store import open_reader
from checker.tunnels.gateway import Gateway as UseCases
from checker.tunnels.judge import Judgement
from demo.processes import DemoFailed, start, tail
from demo.stage import free_ports

EVERY_S = 30
KNOWN_S = 60.0
"""After three beats, and one more probe, a tunnel is probed less often."""
MOST_AT_2000 = 4
FEW = 200
"""With fewer tunnels the daemon's idle cost outweighs its probes, and the target means nothing."""
LOGIN_WITHIN_S = 0.5
"""For each tunnel; a login takes 0.05 to 0.25 s."""


@contextlib.asynccontextmanager
async def tunnels(server: Gateway, members: Sequence[Member], target: int) -> AsyncIterator[None]:
    """Connect all members, from another process."""
    spec, log = server.home / "tunnels.json", server.home / "tunnels.log"
    spec.write_text(
        json.dumps(
            {
                "host": server.listen,
                "port": server.port,
                "user": server.user,
                "known_hosts": server.known_hosts,
                "target": target,
                "members": [[str(member.key), member.port] for member in members],
            }
        ),
        encoding="utf-8",
    )
    process = await start(
        [sys.executable, "-m", "bench.tunnels", str(spec)], log=log, env=server.env, stdout=PIPE
    )
    server.clients.append(process)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30 + LOGIN_WITHIN_S * len(members)):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if line != b"ready\n":
        raise DemoFailed(f"the {len(members)} tunnels did not come up:\n{tail(log)}")
    yield


async def one_sweep(server: Gateway) -> tuple[float, Sequence[Judgement]]:
    """Probe every forward once in this process, as fast as the checker does (64 at once).

    Return the seconds and the judgements.
    """
    registry = await asyncio.to_thread(read_registry, server.layout.nodes)
    use_cases = UseCases(
        server.layout, load_config(server.layout.config), Ledger(server.layout, None), registry
    )
    began = time.monotonic()
    judgements = await use_cases.settle_all(registry.forwards, actor="benchmark")
    return time.monotonic() - began, judgements


async def sweep(scale: Scale) -> list[Figure]:
    """Measure real tunnels that beat every 10 s and are swept as by default."""
    raise_file_limit()
    count = scale.tunnels
    async with banner_server() as target, gateway() as server:
        members = await server.add(free_ports(count), f"127.0.0.1:{target}")
        async with tunnels(server, members, target):
            took_s, judgements = await one_sweep(server)
            not_up = sum(judgement.tunnel.status is not Status.UP for judgement in judgements)
            # until the logins no longer count, and the beats do
            await asyncio.sleep(max(scale.watch_s / 2, KNOWN_S if count >= FEW else 0.0))
            began, daemon, tree = (
                time.monotonic(),
                own_cpu_s(server.daemon),
                await asyncio.to_thread(tree_cpu_s, server.daemon),
            )
            await asyncio.sleep(scale.watch_s)
            watched_s = time.monotonic() - began
            daemon_share = (own_cpu_s(server.daemon) - daemon) / watched_s * 100
            tree_share = (
                (await asyncio.to_thread(tree_cpu_s, server.daemon) - tree) / watched_s * 100
            )
    allowed = MOST_AT_2000 * count / 2000
    return [
        Figure(
            what=f"one sweep of {count} tunnels",
            measured=f"{took_s:.2f} s wall, {took_s / count * 1000:.2f} ms a tunnel",
            beside=f"{not_up} not up",
        ),
        Figure(
            what=f"{count} tunnels that beat, swept every {Policy().probe_beating_every_s:g} s",
            measured=f"checker {daemon_share:.1f} % of a core",
            beside=f"sshd and beat loops {tree_share - daemon_share:.1f} %",
            target=f"<= {allowed:g} % ({MOST_AT_2000} % at 2,000)",
            met=None if count < FEW else daemon_share <= allowed and not not_up,
        ),
    ]


def probed(server: Gateway) -> int:
    """Return how many forwards have a result in the state file."""
    reader = open_reader(server.layout.state)
    try:
        return sum(tunnel.probed_at is not None for tunnel in reader.tunnels())
    finally:
        reader.close()


async def memory(scale: Scale) -> list[Figure]:
    """Measure a daemon with many nodes in its registry and state file, all of them down."""
    count = scale.registered
    async with gateway(toml=f"probe_every_s = {EVERY_S}\n", verb=["serve"]) as server:
        await asyncio.to_thread(make_host_key, server.layout.host_key)
        await server.add(tuple(Policy().ports)[:count], "127.0.0.1:22")
        await until(lambda: probed(server) >= count, within_s=300, poll_s=2.0)
        await asyncio.sleep(EVERY_S)
        began, spent = time.monotonic(), own_cpu_s(server.daemon)
        await asyncio.sleep(scale.watch_s)
        share = (own_cpu_s(server.daemon) - spent) / (time.monotonic() - began) * 100
        found = memory_of(server.daemon)
    return [
        Figure(
            what=f"daemon, {count} nodes registered, all down",
            measured=f"RSS {found.rss_mb:.0f} MB, PSS {found.pss_mb:.0f} MB",
            beside=f"{share:.1f} % of a core, swept every {EVERY_S} s",
            target="< 150 MB at 10,000",
            met=found.rss_mb < 150,
        ),
    ]
