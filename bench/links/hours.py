"""Keep tunnels for a long time on slow, lossy, asymmetric, alternating and narrow links.

Half of them carry files. Their links are also shaped, so that there is a queue to wait in.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from bench.figures import Figure
from bench.links.clients import Kind, Lane
from bench.links.hangs import Hang, Trial, carrying, come_back, hang, wait_for
from bench.links.network import Shape
from bench.links.progress import say
from bench.links.scene import NEXT_CLIENT_S, LaneSpec, Scene, missing_kinds, scene
from bench.links.transfer import Transfer

KINDS = (Kind.PYTHON, Kind.OPENSSH, Kind.DROPBEAR, Kind.PLAIN)
NARROW = Shape(kbit=256, queue_kb=64)
LINKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "slow (6 s round trip)": ("--up", "3", "--down", "3"),
        "lossy (30 % held back 1-8 s)": ("--up", "0.3:1-8", "--down", "0.3:1-8"),
        "asymmetric (up 3 s, down 0.05 s)": ("--up", "3", "--down", "0.05"),
        "alternating (round trip 40 ms, 4 s)": ("--up", "60/0.02,2", "--down", "60/0.02,2"),
        f"narrow ({NARROW})": (),
    }
)
"""The options of the relay on the device."""
FILE_BYTES = 2_000_000
"""One minute on the narrow link: longer than any fixed deadline."""
FILE_EVERY_S = 180.0
FILE_WITHIN_S = 170.0
SAYS_EVERY_S = 300.0
HANG_LIMIT_S = 240.0
HANGS_AFTER_S = 12.0
UP_WITHIN_S = 300.0
TARGET = "up, never lost, hangs seen"


@dataclass(slots=True, kw_only=True, eq=False)
class Stay:
    """What happened on one lane."""

    lane: Lane
    link: str
    has_bulk: bool
    began_s: float = 0.0
    up_s: float | None = None
    """Seconds until the tunnel carried the banner."""
    losses: tuple[str, ...] = ()
    files: Counter[str] = field(default_factory=Counter)
    worst_s: float = 0.0
    frozen: Hang | None = None
    hole: Hang | None = None

    @property
    def name(self) -> str:
        return f"{self.link}{', bulk' if self.has_bulk else ''}: {self.lane.kind.value}"

    @property
    def is_met(self) -> bool:
        noticed = all(found is not None and found.is_freed for found in (self.frozen, self.hole))
        return self.up_s is not None and not self.losses and noticed

    def words(self) -> str:
        up = f"up after {self.up_s:.0f} s" if self.up_s is not None else "never up"
        causes = Counter(self.losses)
        lost = f"lost {len(self.losses)} x" + "".join(
            f", {number} by {who}" for who, number in causes.items()
        )
        parts = [up, lost, f"slowest probe {self.worst_s:.1f} s"]
        parts += (
            [", ".join(f"{number} files {what}" for what, number in self.files.items())]
            if self.files
            else []
        )
        parts += [f"frozen: {self.frozen.words(client=False)}"] if self.frozen else []
        parts += [f"black hole: {self.hole.words(client=True)}"] if self.hole else []
        return "; ".join(parts)


async def carry_files(stay: Stay, found: Scene) -> None:
    """Carry a file every few minutes, in turn up and down, for ever."""
    seen, up = found.watch.of(stay.lane), False
    while True:
        await wait_for(lambda: bool(seen.inode), math.inf)
        began_s, up = time.monotonic(), not up
        transfer = Transfer(size=FILE_BYTES, up=up)
        async with carrying(stay.lane.port, transfer):
            ended = await wait_for(transfer.over.is_set, FILE_WITHIN_S)
            stay.files[
                (
                    "whole"
                    if transfer.is_whole
                    else "cut"
                    if ended
                    else f"slower than {FILE_WITHIN_S:g} s"
                )
            ] += 1
        await asyncio.sleep(max(1.0, began_s + FILE_EVERY_S - time.monotonic()))


async def note_up(stay: Stay) -> None:
    """Note when the tunnel first carries something."""
    while not await come_back(stay.lane, UP_WITHIN_S):
        pass
    stay.up_s = time.monotonic() - stay.began_s


async def live(stay: Stay, found: Scene, until_s: float) -> None:
    """Keep the lane's tunnel until that moment."""
    await found.connect(stay.lane)
    stay.began_s = time.monotonic()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(until_s - time.monotonic()), asyncio.TaskGroup() as group:
            group.create_task(note_up(stay))
            if stay.has_bulk:
                group.create_task(carry_files(stay, found))
            group.create_task(asyncio.sleep(until_s))  # the timeout comes first
    seen = found.watch.of(stay.lane)
    stay.losses, stay.worst_s = seen.losses(), seen.worst_ms / 1000


async def end(stay: Stay, found: Scene) -> None:
    """Make a frozen device and then a black hole, if there is a tunnel. Raises DemoFailed."""
    for frozen in (True, False):
        if not await come_back(stay.lane, UP_WITHIN_S):
            return
        transfer = Transfer(size=8 * FILE_BYTES, up=True) if stay.has_bulk else None
        hung = await hang(
            stay.lane,
            found.watch,
            transfer,
            Trial(frozen=frozen, after_s=HANGS_AFTER_S, limit_s=HANG_LIMIT_S),
        )
        if frozen:
            stay.frozen = hung
        else:
            stay.hole = hung


async def report(stays: Sequence[Stay], found: Scene, until_s: float) -> None:
    """Print the progress every few minutes, until that moment."""
    began_s = time.monotonic()
    while time.monotonic() + SAYS_EVERY_S < until_s:
        await asyncio.sleep(SAYS_EVERY_S)
        up = sum(bool(found.watch.of(stay.lane).inode) for stay in stays)
        losses = sum(
            (Counter(found.watch.of(stay.lane).losses()) for stay in stays), Counter[str]()
        )
        lost = ", ".join(f"{number} by {who}" for who, number in losses.items()) or "none"
        say(
            f"after {(time.monotonic() - began_s) / 60:.0f} min: {up} of {len(stays)} tunnels up;"
            f" lost: {lost}"
        )


async def stay_on(found: Scene, stays: Sequence[Stay], minutes: float) -> None:
    """Keep all lanes for those minutes, and then make their hangs. Raises DemoFailed."""
    until_s = time.monotonic() + minutes * 60

    async def one(stay: Stay, turn: int) -> None:
        await asyncio.sleep(turn * NEXT_CLIENT_S)
        await live(stay, found, until_s)
        say(f"{stay.name}: {stay.words()}; now its hangs")
        await end(stay, found)

    reporting = asyncio.create_task(report(stays, found, until_s))
    try:
        async with asyncio.TaskGroup() as group:
            for turn, stay in enumerate(stays):
                group.create_task(one(stay, turn))
    finally:
        reporting.cancel()
        await asyncio.wait([reporting])


async def hours(minutes: float) -> list[Figure]:
    """Measure every client on every link, side by side. Raises DemoFailed."""
    missing = missing_kinds()
    kinds = [kind for kind in KINDS if kind not in missing]
    todo = [(link, bulk, kind) for link in LINKS for bulk in (False, True) for kind in kinds]
    wanted = []
    for seed, (link, bulk, kind) in enumerate(todo, 1):
        relay = (*LINKS[link], "--seed", str(seed)) if LINKS[link] else ()
        wanted.append(LaneSpec(kind=kind, shape=NARROW if bulk or not relay else None, relay=relay))
        say(f"seed {seed}: {link}{', bulk' if bulk else ''}, {kind.value}")
    async with scene(wanted) as found:
        stays = [
            Stay(lane=lane, link=link, has_bulk=bulk)
            for lane, (link, bulk, _) in zip(found.lanes, todo, strict=True)
        ]
        await stay_on(found, stays, minutes)
    figures = [
        Figure(what=stay.name, measured=stay.words(), target=TARGET, met=stay.is_met)
        for stay in stays
    ]
    losses = Counter(cause for stay in stays for cause in stay.losses)
    figures.append(
        Figure(
            what=f"healthy tunnels lost in {minutes:g} min",
            measured=str(losses.total()),
            target="0",
            met=not losses,
            beside=", ".join(f"{number} by {who}" for who, number in losses.items()),
        )
    )
    return figures
