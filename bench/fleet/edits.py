"""Measure signed edits: how long `node add` takes, and until all gateways obey."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure
from bench.fleet.figures import edit_figures
from bench.fleet.plan import Plan
from bench.fleet.stations import Station, stations
from bench.setting import until
from checker.config.layout import Layout
from checker.fleet.bucket_news import read_news
from checker.model import NodeName
from checker.registry.reading import node_path
from checker.signatures import KEY_FILE
from demo.processes import DemoFailed, environment, program

FORWARD = ("--forward", "127.0.0.1:22,banner:SSH-2.0")
FILLED_WITHIN_S = 900.0
OBEYED_WITHIN_S = 120.0


def is_same(layout: Layout, since: float) -> bool:
    """Return whether the agent has found no difference between bucket and disk since then."""
    news = read_news(layout)
    return (
        news is not None
        and news.at > since
        and not (news.trouble or news.lacking or news.newer_count)
    )


async def until_same(many: Sequence[Station], since: float) -> None:
    """Wait until the bucket and all disks have the same entries. Raises DemoFailed."""

    def all_have_the_same() -> bool:
        return all(is_same(one.gateway.layout, since) for one in many)

    await until(all_have_the_same, FILLED_WITHIN_S, 0.5)


async def add(station: Station, name: str, folder: Path) -> None:
    """Run `node add` at a gateway, as its editor. Raises DemoFailed."""
    home = station.gateway.home
    process = await asyncio.create_subprocess_exec(
        program("reversi-checker"),
        *("--home", str(home), "node", "add", name, *FORWARD),
        cwd=folder,
        env=environment(home) | {KEY_FILE: str(home.with_name("operator"))},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    if process.returncode or b"posted on the bus" not in said:
        raise DemoFailed(f"node {name} was not added at {station.gateway.id}: {said.decode()}")


async def edited(many: Sequence[Station], number: int, folder: Path) -> tuple[float, float]:
    """Add a node at one gateway after another; return how long the command took, and until the
    others had it: a gateway writes the key first, and then the node. Raises DemoFailed.
    """
    here, name = many[number % len(many)], f"added{number}"
    files = [node_path(one.gateway.layout, NodeName(name)) for one in many]

    def all_obey() -> bool:
        return all(file.exists() for file in files)

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        obeyed = group.create_task(until(all_obey, OBEYED_WITHIN_S), name="obeyed")
        await add(here, name, folder)
        added = time.monotonic()
    return added - began, max(added, obeyed.result()) - began


async def edits_measured(plan: Plan) -> list[Figure]:
    """Raises DemoFailed."""
    async with stations((0, 0, 0), plan.registered) as many:
        began = time.monotonic()
        await until_same(many, time.time())
        filled_s = time.monotonic() - began
        folder = many[0].gateway.home.parent
        numbers = range(len(many) + plan.edits)
        took = [await edited(many, number, folder) for number in numbers]
    first, took = took[: len(many)], took[len(many) :]
    added_s, obeyed_s = zip(*took, strict=True)
    return list(edit_figures(plan.registered, filled_s, max(first)[0], added_s, obeyed_s))
