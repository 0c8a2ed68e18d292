"""Measure a transfer, and hangs during another one, for each link, direction and client."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import Figure
from bench.links.clients import Kind, Lane
from bench.links.hangs import Hang, Trial, carrying, come_back, hang, wait_for
from bench.links.network import Shape
from bench.links.progress import say
from bench.links.scene import NEXT_CLIENT_S, LaneSpec, Scene, missing_kinds, scene
from bench.links.transfer import Transfer
from bench.links.watch import Seen

UP_WITHIN_S = 300.0
NOTICED_S = 60.0
TARGET = f"whole, same tunnel; hangs seen <= {NOTICED_S:g} s"
WAYS = {True: "up", False: "down"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A link, and how long a transfer over it lasts."""

    shape: Shape
    lasts_s: float
    hangs_after_s: float = 12.0
    """Seconds after the first byte of the second transfer."""

    @property
    def size(self) -> int:
        return int(self.shape.bytes_a_second * self.lasts_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """What to measure."""

    cases: tuple[Case, ...]
    ways: tuple[bool, ...]
    """True is up, from the device to the gateway."""
    limit_s: float
    """How long to wait for a hang to be noticed, after the last byte."""
    toml: str = ""


FULL_PLAN = TablePlan(
    cases=(
        Case(shape=Shape(kbit=64, queue_kb=32), lasts_s=75),
        Case(shape=Shape(kbit=64, queue_kb=1000), lasts_s=180, hangs_after_s=40),
        Case(
            shape=Shape(kbit=128, queue_kb=1000, congestion="cubic"),
            lasts_s=280,
            hangs_after_s=215,  # the first lost segment is on its way again
        ),
        Case(shape=Shape(kbit=160, queue_kb=64), lasts_s=75),
        Case(shape=Shape(kbit=256, queue_kb=64), lasts_s=75),
        Case(shape=Shape(kbit=1000, queue_kb=512), lasts_s=75),
        Case(shape=Shape(kbit=10_000, queue_kb=1000), lasts_s=40),
    ),
    ways=(True, False),
    limit_s=75.0,
)
QUICK_PLAN = TablePlan(
    cases=(Case(shape=Shape(kbit=1000, queue_kb=32), lasts_s=2, hangs_after_s=0.5),),
    ways=(True,),
    limit_s=3.0,
    toml="probe_every_s = 5\ndeadline_s = 1\nstrike_gap_s = 0.5\n",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """The result of the first transfer."""

    transfer: Transfer
    ended_s: float
    """Monotonic."""
    losses: tuple[str, ...] = ()
    """Who ended the tunnel, for each time that it was lost meanwhile."""

    @property
    def is_unharmed(self) -> bool:
        return self.transfer.is_whole and not self.losses

    def __str__(self) -> str:
        tunnel = (
            f"tunnel lost {len(self.losses)} x (by {', '.join(self.losses)})"
            if self.losses
            else "same tunnel"
        )
        took_s = self.transfer.last_s - self.transfer.began_s
        if self.transfer.is_whole:
            return f"whole in {took_s:.0f} s, {tunnel}"
        return f"CUT after {self.transfer.received / 1000:.0f} kB, {took_s:.0f} s; {tunnel}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The results of one lane."""

    case: Case
    up: bool
    kind: Kind
    note: str = ""
    """Why there are no further results."""
    bulk: Bulk | None = None
    frozen: Hang | None = None
    hole: Hang | None = None
    worst_probe_s: float = 0.0

    @property
    def is_met(self) -> bool:
        hangs = [found for found in (self.frozen, self.hole) if found is not None]
        seen = all(found.is_freed_within(NOTICED_S) for found in hangs)
        if self.kind.beats and self.hole is not None:
            seen = seen and self.hole.is_noticed_within(NOTICED_S)
        return self.bulk is not None and self.bulk.is_unharmed and len(hangs) == 2 and seen

    def __str__(self) -> str:
        parts = [self.note] if self.note else []
        parts += [str(self.bulk)] if self.bulk else []
        parts += [f"slowest probe {self.worst_probe_s:.1f} s"] if self.worst_probe_s else []
        parts += [f"frozen: {self.frozen.words(client=False)}"] if self.frozen else []
        parts += [f"black hole: {self.hole.words(client=True)}"] if self.hole else []
        return "; ".join(parts)


async def bulk(lane: Lane, case: Case, *, up: bool) -> Bulk:
    """Carry one file until it is complete or the tunnel ends."""
    transfer = Transfer(size=case.size, up=up)
    async with carrying(lane.port, transfer):
        await wait_for(transfer.over.is_set, 3 * case.lasts_s + 60)
        await asyncio.sleep(1)  # until Watch has seen the end of the tunnel
    return Bulk(transfer=transfer, ended_s=time.monotonic())


def blame(first: Bulk, seen: Seen) -> Bulk:
    """Add who ended the tunnel."""
    return dataclasses.replace(first, losses=seen.losses(first.transfer.began_s, first.ended_s))


async def measure(lane: Lane, found: Scene, case: Case, plan: TablePlan, *, up: bool) -> Result:
    """Measure a transfer, then each kind of hang during another. Raises DemoFailed."""
    seen = found.watch.of(lane)
    if not await come_back(lane, UP_WITHIN_S):
        return Result(case=case, up=up, kind=lane.kind, note="did not come up")
    first = await bulk(lane, case, up=up)
    worst_s = seen.worst_ms / 1000
    hangs: list[Hang | None] = []
    for frozen in (True, False):
        if frozen and not lane.kind.is_watched:
            hangs.append(None)
            continue
        if not await come_back(lane, UP_WITHIN_S):
            note = f"did not come back {'after its transfer' if frozen else 'after it was frozen'}"
            return Result(
                case=case,
                up=up,
                kind=lane.kind,
                bulk=blame(first, seen),
                frozen=hangs[0] if hangs else None,
                note=note,
            )
        if not first.transfer.is_whole and frozen == lane.kind.is_watched:
            # the gateway may notice the end only when the client is back
            first = dataclasses.replace(first, ended_s=time.monotonic())
        transfer = Transfer(size=4 * case.size, up=up)
        trial = Trial(frozen=frozen, after_s=case.hangs_after_s, limit_s=plan.limit_s)
        hangs.append(await hang(lane, found.watch, transfer, trial))
    first = blame(first, seen)
    return Result(
        case=case,
        up=up,
        kind=lane.kind,
        bulk=first,
        frozen=hangs[0],
        hole=hangs[1],
        worst_probe_s=worst_s,
    )


async def run_lane(found: Scene, number: int, case: Case, plan: TablePlan, *, up: bool) -> Result:
    """Start the lane in its turn, and measure it."""
    await asyncio.sleep(number * NEXT_CLIENT_S)
    lane = found.lanes[number]
    await found.connect(lane)
    result = await measure(lane, found, case, plan, up=up)
    say(f"{case.shape}, {WAYS[up]}, {lane.kind.value}: {result}")
    return result


def rows(results: Sequence[Result]) -> list[Figure]:
    """Return the figures: our clients, each compared with those without a daemon."""
    figures = []
    for result in results:
        if result.kind.is_watched:
            others = [
                other
                for other in results
                if (other.case, other.up) == (result.case, result.up) and not other.kind.is_watched
            ]
            beside = " / ".join(
                f"{other.kind.value}: {other.bulk or other.note}" for other in others
            )
            what = f"{result.case.shape}, {WAYS[result.up]}: {result.kind.value}"
            figures.append(
                Figure(
                    what=what, measured=str(result), beside=beside, target=TARGET, met=result.is_met
                )
            )
    ours = [result for result in results if result.kind.is_watched]
    harmed = sum(result.bulk is None or not result.bulk.is_unharmed for result in ours)
    late = sum(
        not hung.is_freed_within(NOTICED_S)
        for result in ours
        for hung in (result.frozen, result.hole)
        if hung is not None
    )
    figures.append(
        Figure(
            what="healthy tunnels harmed by a transfer",
            measured=f"{harmed} of {len(ours)}",
            target="0",
            met=not harmed,
            beside=(
                f"hangs during a transfer not noticed within {NOTICED_S:g} s, or tunnel lost"
                f" before: {late}"
            ),
        )
    )
    return figures


async def table(plan: TablePlan) -> list[Figure]:
    """Measure all lanes side by side. Raises DemoFailed."""
    missing = missing_kinds()
    kinds = [kind for kind in Kind if kind not in missing]
    todo = [(case, up, kind) for case in plan.cases for up in plan.ways for kind in kinds]
    async with (
        scene(
            [LaneSpec(kind=kind, shape=case.shape) for case, _, kind in todo], plan.toml
        ) as found,
        asyncio.TaskGroup() as group,
    ):
        tasks = [
            group.create_task(run_lane(found, number, case, plan, up=up))
            for number, (case, up, _) in enumerate(todo)
        ]
    left_out = [
        Figure(what=f"links: {kind.value}", measured=f"left out: needs {', '.join(names)}")
        for kind, names in missing.items()
    ]
    return rows([task.result() for task in tasks]) + left_out
