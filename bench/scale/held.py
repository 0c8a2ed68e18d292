"""Hold more and more tunnels: what a sweep costs, and what the daemon costs meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from bench.cpu import memory_of, own_cpu_s
from bench.inside import say
from bench.own_sshd import OwnSshd
from bench.scale.plan import Plan
from bench.scale.registered import BANNER_PORT, UP, toml_of
from bench.setting import Gateway, Member, until
from bench.sweep import tunnels
from checker.config.settings import load_config
from checker.daemon.startup import raise_file_limit
from checker.linux.memory import keep_for_good
from checker.model import Port, Status
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry
from checker.state.ledger import Ledger
from checker.state.store import open_reader
from checker.tunnels.gateway import Gateway as UseCases
from demo.processes import ended_after, start

ONE_MB = 2.3
"""A held tunnel at both its ends, which are on this machine."""
SHARE = 0.5
"""Of the memory that is available."""
PROBED_WITHIN_S = 300.0
BANNERS_A_S = 33
"""As many as probes of 2,000 tunnels that beat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One probe of each held tunnel, as fast as the checker probes, for each tunnel."""

    wall_ms: float
    cpu_ms: float
    not_up: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The daemon while so many tunnels beat."""

    held: int
    share: float
    """Percent of a core."""
    reader_share: float
    """The same, of a bare reader of banners in the same seconds: how fast the machine was."""
    rss_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """A daemon from its start until it had probed each held tunnel."""

    held: int
    took_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What was measured; each list in order of the held tunnels."""

    fresh: Sequence[tuple[int, Sweep]]
    """By a gateway that has just started."""
    again: Sequence[tuple[int, Sweep]]
    """By the same one once more."""
    watched: Sequence[Watched]
    restarted: Sequence[Restarted]
    short: str
    """Why there are fewer tunnels than planned; empty if there are not."""


def carried(plan: Plan) -> tuple[int, ...]:
    """Return those numbers of tunnels for which there is memory."""
    room = psutil.virtual_memory().available / 1e6 * SHARE / ONE_MB
    return tuple(count for count in plan.held if count <= room) or plan.held[:1]


async def one_sweep(use_cases: UseCases, registry: Registry, ports: set[int]) -> Sweep:
    """Probe each held tunnel once."""
    forwards = [forward for forward in registry.forwards if forward.port in ports]
    began, spent = time.monotonic(), time.process_time()
    judgements = await use_cases.settle_all(forwards, actor="benchmark")
    cpu_s, wall_s = time.process_time() - spent, time.monotonic() - began
    return Sweep(
        wall_ms=wall_s / len(forwards) * 1000,
        cpu_ms=cpu_s / len(forwards) * 1000,
        not_up=sum(one.tunnel.status is not Status.UP for one in judgements),
    )


async def watch(server: Gateway, held: int, seconds: float) -> Watched:
    reader = await start(
        [sys.executable, "-m", "bench.banner_reader", str(BANNER_PORT), str(BANNERS_A_S)],
        log=server.home / "reader.log",
        env=server.env,
        stdout=PIPE,
    )
    async with ended_after([reader]):
        assert reader.stdout is not None
        await reader.stdout.readline()  # it has imported what it needs
        watched = (server.daemon, psutil.Process(reader.pid))
        began, spent = time.monotonic(), [own_cpu_s(one) for one in watched]
        await asyncio.sleep(seconds)
        took_s = time.monotonic() - began
        share, reader_share = (
            (own_cpu_s(one) - before) / took_s * 100
            for one, before in zip(watched, spent, strict=True)
        )
    return Watched(
        held=held, share=share, reader_share=reader_share, rss_mb=memory_of(server.daemon).rss_mb
    )


def all_probed(server: Gateway, ports: set[int], since: float) -> Callable[[], bool]:
    """Return a condition: each of the ports was probed since then."""

    def is_so() -> bool:
        with contextlib.closing(open_reader(server.layout.state)) as reader:
            fresh = {
                tunnel.port
                for tunnel in reader.tunnels()
                if tunnel.probed_at is not None and tunnel.probed_at > since
            }
        return ports <= fresh

    return is_so


async def restart(server: Gateway, ports: set[int]) -> Restarted:
    """Restart the daemon, and wait until it has probed all held tunnels. Raises DemoFailed."""
    port = server.port
    await server.end()
    since, began = time.time(), time.monotonic()
    await server.start([*UP, "--listen", server.listen])
    server.port = port
    if ports:
        await until(all_probed(server, ports, since), within_s=PROBED_WITHIN_S, poll_s=1.0)
    return Restarted(
        held=len(ports), took_s=time.monotonic() - began, cpu_s=own_cpu_s(server.daemon)
    )


async def held(server: Gateway, members: Sequence[Member], plan: Plan) -> Held:
    """Hold the tunnels of the members, more at each step. Raises DemoFailed."""
    raise_file_limit()
    steps = carried(plan)
    server.layout.config.write_text(
        f'tunnel_user = "{server.user}"\n{toml_of(plan)}', encoding="utf-8"
    )
    restarted = [await restart(server, set())]
    sshd = OwnSshd(server)
    await sshd.start()
    server.port = sshd.port
    registry = await asyncio.to_thread(read_registry, server.layout.nodes)
    keep_for_good()  # as the daemon does
    config = load_config(server.layout.config)
    await asyncio.sleep(plan.settled_s)
    watched = [await watch(server, 0, plan.watch_s)]
    fresh, again, ports = [], [], set[int]()
    async with contextlib.AsyncExitStack() as stack:
        for step in steps:
            say(f"{step} tunnels")
            more = members[len(ports) : step]
            await stack.enter_async_context(tunnels(server, more, BANNER_PORT))
            ports |= {Port(member.port) for member in more}
            use_cases = UseCases(server.layout, config, Ledger(server.layout, None), registry)
            fresh.append((step, await one_sweep(use_cases, registry, ports)))
            again.append((step, await one_sweep(use_cases, registry, ports)))
            if step in plan.watched or step == steps[-1]:
                await asyncio.sleep(plan.known_s)
                watched.append(await watch(server, step, plan.watch_s))
        restarted.append(await restart(server, ports))
    short = "" if steps == plan.held else f"only {steps[-1]} held: memory is short"
    return Held(fresh=fresh, again=again, watched=watched, restarted=restarted, short=short)
