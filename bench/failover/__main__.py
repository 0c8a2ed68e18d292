"""`python -m bench.failover full|quick FOLDER`: print figures as JSON, in its own namespaces."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence

from bench.crowd import Mixture
from bench.failover.moves import Moves, by_kind, gaps, most_in_a_second, summary
from bench.failover.network import FIRST
from bench.failover.plan import FULL_PLAN, QUICK_PLAN
from bench.failover.scene import Scene, scene
from bench.figures import Figure
from bench.herd.restart import at_share
from bench.inside import Tell, main, say
from bench.setting import Gateway
from demo.processes import program, run_quietly

ALL_BACK_S, MOST_STOPPED_S = 30.0, 5.0
FEW = 50
"""With fewer nodes the targets mean nothing."""


def moves(there: Scene) -> Moves:
    return Moves(network=there.network, ports=there.ports)


async def die(there: Scene, kinds: Mapping[int, str], mixture: Mixture) -> Figure:
    """Cut the first gateway off silently, and wait until all nodes are at the second."""
    seen = moves(there)
    seen.look()
    began = time.monotonic()
    await there.network.cut(FIRST)
    there_before = seen.before[True].keys()
    await seen.until(
        lambda: seen.all_came(second=True, but=there_before), "all nodes at the second gateway"
    )
    took_s = {port: at - began for port, at in seen.came[True].items()}
    return Figure(
        what=f"failover, {len(kinds)} nodes: their gateway dies silently, until they are back",
        measured=summary(took_s),
        beside=f"{by_kind(took_s, kinds)}; {mixture}; at most"
        f" {most_in_a_second(seen.came[True].values())} in one second",
        target=f"all < {ALL_BACK_S:g} s",
        met=max(took_s.values()) < ALL_BACK_S if len(kinds) >= FEW else None,
    )


async def repair(there: Scene, seconds: float) -> Figure:
    """Let the first gateway come back, and see who moves."""
    seen = moves(there)
    seen.look()
    await there.network.mend(FIRST)
    await seen.for_s(seconds)
    back, lost = seen.came[False], seen.went[True]
    return Figure(
        what=f"failover, {len(there.members)} nodes: their gateway is repaired",
        measured=f"tunnels that ended: {len(lost)}; logins at it, at most in one second:"
        f" {most_in_a_second(back.values())}",
        beside=f"seen for {seconds:g} s",
        target="0; no herd",
        met=not lost and not back,
    )


async def stop(there: Scene, kinds: Mapping[int, str]) -> Figure:
    """Stop the second gateway in an orderly way, and wait until all nodes are at the first."""
    seen = moves(there)
    seen.look()
    async with asyncio.TaskGroup() as group:
        group.create_task(drain(there.second))
        elsewhere = kinds.keys() - seen.before[True].keys()
        await seen.until(
            lambda: seen.all_came(second=False, but=elsewhere), "all nodes at the first gateway"
        )
    took_s = gaps(seen, there.ports)
    most_s = at_share(list(took_s.values()), 0.95)
    lasted_s = max(seen.came[False].values()) - min(seen.went[True].values())
    return Figure(
        what=f"failover, {len(kinds)} nodes: orderly stop (`drain`), each node without a tunnel",
        measured=summary(took_s),
        beside=f"{by_kind(took_s, kinds)}; the whole stop took {lasted_s:.1f} s; at most"
        f" {most_in_a_second(seen.came[False].values())} in one second",
        target=f"95 % < {MOST_STOPPED_S:g} s",
        met=most_s < MOST_STOPPED_S if len(kinds) >= FEW else None,
    )


async def drain(server: Gateway) -> None:
    argv: Sequence[str] = [program("reversi-checker"), "--home", str(server.home), "drain"]
    await run_quietly(*server.inside, *argv, env=server.env)


async def failover(user: str, quick: bool, tell: Tell) -> None:
    plan = QUICK_PLAN if quick else FULL_PLAN
    mixture = plan.mixture.possible()
    async with scene(user, mixture, plan.beat_s) as there:
        kinds = dict(zip(there.ports, mixture.kinds, strict=True))
        say(f"{mixture.nodes} nodes come up")
        arrived = moves(there)
        arrived.look()
        await there.crowd.start(mixture, there.members, plan.each_s)
        await arrived.until(
            lambda: arrived.all_came(second=False), "all nodes at the first gateway"
        )
        await asyncio.sleep(plan.steady_s)
        say("the first gateway dies")
        tell(await die(there, kinds, mixture))
        say("it is repaired")
        tell(await repair(there, plan.repaired_s))
        say("the second gateway stops")
        tell(await stop(there, kinds))


if __name__ == "__main__":
    sys.exit(main(failover))
