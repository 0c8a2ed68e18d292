"""Measure how long a hung tunnel keeps its port, and how fast its own node takes it over."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from statistics import median

from bench.figures import Figure, spread
from bench.setting import (
    Gateway,
    Member,
    Scale,
    banner_server,
    gateway,
    listening,
    until,
    until_usable,
)
from demo.processes import send
from demo.stage import free_ports

CONNECTS_EVERY_S = 0.5
PROVEN_S = 260.0
"""After this long the gateway knows a tunnel's rhythm, and its link as fast."""
PHASES_S = 60.0
"""Hangs are spread over an interval of the sweep."""
TARGET_FREE_S, TARGET_MEDIAN_S = 22.0, 16.0
TARGET_NEW_S = 45.0
TRIALS = 20
"""With a hang at 20 phases, the median says something."""
FEW = 2
"""With so few trials, a quick run only shows that hangs are freed."""
TARGET_TAKEN_S = 1.0


async def keep_busy(port: int) -> None:
    """Connect to the port every half second, as scanners and mail do; stay for two seconds."""

    async def visit() -> None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(2.0)
            writer.close()

    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(visit(), name=f"visit {port}")
            await asyncio.sleep(CONNECTS_EVERY_S)


async def hang_one(server: Gateway, member: Member, *, busy: bool, after_s: float) -> float:
    """Stop the node's client after a while; return the seconds until nobody listens on its port."""
    client = await server.run_client(member)
    async with asyncio.TaskGroup() as group:
        visiting = (
            group.create_task(keep_busy(member.port), name=f"busy {member.port}") if busy else None
        )
        await until_usable(member.port)
        await asyncio.sleep(after_s)
        began = time.monotonic()
        send(client, signal.SIGSTOP)
        free_at = await until(lambda: not listening([member.port]), within_s=180)
        if visiting is not None:
            visiting.cancel()
    return free_at - began


async def hangs(scale: Scale, *, proven: bool) -> dict[str, list[float]]:
    """Return how long each port stayed taken, with idle and with busy ports."""
    trials = TRIALS if proven else scale.trials
    async with banner_server() as target, gateway() as server:
        members = await server.add(free_ports(2 * trials), f"127.0.0.1:{target}")
        after_s = PROVEN_S if proven else 0.0
        spread_s = PHASES_S if proven else 20.0
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    hang_one(
                        server,
                        member,
                        busy=bool(number % 2),
                        after_s=after_s + spread_s * (number // 2) / trials,
                    ),
                    name=member.name,
                )
                for number, member in enumerate(members)
            ]
    found = [task.result() for task in tasks]
    return {"idle": found[0::2], "busy (0.5 s)": found[1::2]}


async def hang(scale: Scale) -> list[Figure]:
    """Stop clients (SIGSTOP) at all phases of the sweep, just opened, or once known to be fast."""
    figures = []
    for what, took_s in (await hangs(scale, proven=scale.trials > FEW)).items():
        worst, middle = max(took_s), median(took_s)
        figures.append(
            Figure(
                what=f"hang to free port, {what}",
                measured=spread(took_s, "s"),
                target=f"<= {TARGET_FREE_S:g} s worst, <= {TARGET_MEDIAN_S:g} s median",
                met=(
                    worst <= TARGET_FREE_S and middle <= TARGET_MEDIAN_S
                    if scale.trials > FEW
                    else None
                ),
            )
        )
    for what, took_s in (await hangs(scale, proven=False)).items():
        figures.append(
            Figure(
                what=f"hang to free port of a tunnel just opened, {what}",
                measured=spread(took_s, "s"),
                target=f"<= {TARGET_NEW_S:g} s worst",
                met=max(took_s) <= TARGET_NEW_S,
            )
        )
    return figures


async def takeover(scale: Scale) -> list[Figure]:
    """Measure the time from `claim` to listening while the node's stale connection has the port."""
    took_s, logins_s = [], []
    async with banner_server() as target, gateway() as server:
        for member in await server.add(free_ports(scale.trials), f"127.0.0.1:{target}"):
            stale = await server.login(member.key)
            await stale.forward_remote_port("localhost", member.port, "127.0.0.1", target)
            held = await stale.create_process("hold same")
            held.stdin.write("\n")
            await held.stdout.readline()
            began = time.monotonic()
            async with await server.login(member.key) as fresh:
                logged_in = time.monotonic()
                await fresh.run("claim same", check=True)
                await fresh.forward_remote_port("localhost", member.port, "127.0.0.1", target)
                took_s.append(time.monotonic() - logged_in)
                logins_s.append(logged_in - began)
            stale.abort()
    return [
        Figure(
            what="own stale port taken over",
            measured=spread([s * 1000 for s in took_s], "ms"),
            target="< 1 s",
            beside=f"its login before: {spread([s * 1000 for s in logins_s], 'ms')}",
            met=max(took_s) < TARGET_TAKEN_S,
        ),
    ]
