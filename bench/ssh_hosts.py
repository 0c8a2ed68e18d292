"""Measure `ssh-config` and `inventory` with many nodes, and what the file costs each ssh."""

from __future__ import annotations

import asyncio
import resource
import statistics
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.console_home import make_home, name_of, node_of, public_key
from bench.figures import Cost, Figure
from bench.setting import Scale
from checker.config.layout import Layout
from checker.model import Node, parse_target
from checker.registry.snapshot import copy_path
from demo.processes import DemoFailed, environment, program
from demo.stage import temporary_home

WRITTEN_S = 2.0
MOST_BYTES = 1_000_000
SSH_MS = 60.0


def pinned_node(number: int, now: float) -> Node:
    """A node whose own SSH server has a pinned key: the most lines that a node can have."""
    node = node_of(number, now)
    (forward,) = node.forwards
    target = parse_target("127.0.0.1:22")
    return replace(node, forwards=(replace(forward, target=target, host_key=public_key(number)),))


async def cost_of(words: Sequence[str | Path], output: Path) -> Cost:
    """Run a command, and return what it cost. Raises DemoFailed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=DEVNULL, stdout=file, stderr=DEVNULL, env=environment(output.parent)
        )
        status = await process.wait()
    if status:
        raise DemoFailed(f"{words[0]} ended with {status}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall_ms=1e3 * (time.monotonic() - began), cpu_ms=1e3 * cpu_s)


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        wall_ms=statistics.median(cost.wall_ms for cost in costs),
        cpu_ms=statistics.median(cost.cpu_ms for cost in costs),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of a gateway with so many nodes."""

    nodes: int
    by_copy: Cost
    by_files: Cost
    size: int
    ssh: Cost
    ssh_alone: Cost
    inventory: Cost
    inventory_size: int


async def measured(layout: Layout, folder: Path, scale: Scale) -> Measured:
    """Measure all figures. Raises DemoFailed."""
    config, empty, listed = folder / "config", folder / "empty", folder / "inventory"
    empty.touch()
    checker = (program("reversi-checker"), "--home", str(layout.home))
    ours = (*checker, "ssh-config", "--jump", "gw", "--user", "root")
    last = name_of(scale.registered - 1)
    ssh = ("ssh", "-G", "-F")
    rounds = range(scale.trials)
    by_copy = [await cost_of(ours, config) for _ in rounds]
    inventory = await cost_of((*checker, "inventory", "--jump", "gw"), listed)
    copy_path(layout).unlink()
    return Measured(
        nodes=scale.registered,
        by_copy=median(by_copy),
        by_files=await cost_of(ours, config),
        size=config.stat().st_size,
        ssh=median([await cost_of((*ssh, config, last), empty.with_name("g")) for _ in rounds]),
        ssh_alone=median(
            [await cost_of((*ssh, empty, last), empty.with_name("g")) for _ in rounds]
        ),
        inventory=inventory,
        inventory_size=listed.stat().st_size,
    )


def figures(found: Measured) -> Iterator[Figure]:
    """The lines of the table."""
    yield Figure(
        what=f"ssh-config, {found.nodes} nodes: written",
        measured=str(found.by_copy),
        beside=f"no daemon, so no copy of the registry: {found.by_files}",
        target=f"<= {WRITTEN_S:.0f} s",
        met=found.by_copy.wall_ms <= 1e3 * WRITTEN_S,
    )
    yield Figure(
        what=f"ssh-config, {found.nodes} nodes: size",
        measured=f"{found.size / 1e3:.0f} kB",
        target=f"<= {MOST_BYTES / 1e3:.0f} kB",
        met=found.size <= MOST_BYTES,
    )
    yield Figure(
        what=f"ssh -G NAME, {found.nodes} nodes",
        measured=str(found.ssh),
        beside=f"without the file: {found.ssh_alone}",
        target=f"<= {SSH_MS:.0f} ms",
        met=found.ssh.wall_ms <= SSH_MS,
    )
    yield Figure(
        what=f"inventory, {found.nodes} nodes",
        measured=f"{found.inventory}, {found.inventory_size / 1e3:.0f} kB",
    )


async def ssh_hosts(scale: Scale) -> list[Figure]:
    """Return the figures for the scale's registered nodes. Raises DemoFailed."""
    with temporary_home() as folder:
        layout = make_home(folder / "gateway", scale.registered, time.time(), pinned_node)
        return list(figures(await measured(layout, folder, scale)))
