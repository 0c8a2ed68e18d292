"""The figures of held tunnels, and what they say about 10,000."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from bench.figures import Figure, times
from bench.scale.held import BANNERS_A_S, Held, Sweep, Watched

AT = 10_000
MOST_SHARE, MOST_MB = 75.0, 200.0
STEADY, MOST_STEADY = 2000, 4.0
LINEAR = 1.5
"""Times the cost at the fewest tunnels, for each tunnel."""
FEW = 200
"""With fewer tunnels the targets mean nothing."""


def slope(first: tuple[int, float], last: tuple[int, float]) -> float:
    return (last[1] - first[1]) / (last[0] - first[0])


def extrapolated(points: Sequence[tuple[int, float]], at: int) -> float:
    """Follow the line through the last two points."""
    return points[-1][1] + slope(*points[-2:]) * (at - points[-1][0])


def listed(points: Sequence[tuple[int, float]], unit: str) -> str:
    return ", ".join(f"{held:,}: {value:.1f}{unit}" for held, value in points)


def slopes(points: Sequence[tuple[int, float]], unit: str) -> str:
    """Return the slope between each two neighbours, for 1,000 tunnels."""
    found = (slope(*pair) * 1000 for pair in pairwise(points))
    return ", then ".join(f"{value:+.1f}{unit}" for value in found) + " for each 1,000"


def line(
    registered: int, what: str, points: Sequence[tuple[int, float]], unit: str, most: float
) -> Figure:
    """One quantity of the daemon, extrapolated."""
    at = extrapolated(points, AT)
    return Figure(
        what=f"daemon, {registered:,} registered: {what} with {points[-1][0]:,} held",
        measured=f"{points[-1][1]:.1f}{unit}; {at:.0f}{unit} with {AT:,} (extrapolated)",
        beside=f"{listed(points, unit)}; {slopes(points, unit)}",
        target=f"<= {most:g}{unit} with {AT:,}",
        met=at <= most if points[-1][0] >= FEW else None,
    )


def sweeps(what: str, found: Sequence[tuple[int, Sweep]]) -> Figure:
    """The cost of a sweep for each tunnel, side by side."""
    first, last = found[0][1], found[-1][1]
    not_up = sum(sweep.not_up for _, sweep in found)
    walls = [(held, sweep.wall_ms) for held, sweep in found]
    return Figure(
        what=f"one sweep, {what}: CPU for each tunnel",
        measured=f"{', '.join(f'{held:,}: {sweep.cpu_ms:.2f} ms' for held, sweep in found)};"
        f" {times(last.cpu_ms, first.cpu_ms)} from the fewest to the most",
        beside=f"wall time {listed(walls, ' ms')}; {not_up} not up",
        target=f"<= {LINEAR} x",
        met=last.cpu_ms <= LINEAR * first.cpu_ms and not not_up if found[-1][0] >= FEW else None,
    )


def added_by_tunnels(registered: int, watched: Sequence[Watched]) -> Figure:
    """What so many tunnels that beat add to what the daemon takes without any."""
    idle = watched[0].share
    added = [(one.held, one.share - idle) for one in watched[1:]]
    judged = [share for held, share in added if held == STEADY]
    readers = listed([(one.held, one.reader_share) for one in watched], " %")
    return Figure(
        what="tunnels that beat every 10 s, probed every 60 s: CPU of the steady sweep",
        measured=listed(added, " % of a core"),
        beside=f"the same daemon with none held, {registered:,} registered and down: {idle:.1f} %;"
        f" a bare reader of {BANNERS_A_S} banners a second meanwhile: {readers}",
        target=f"<= {MOST_STEADY:g} % with {STEADY:,}",
        met=judged[0] <= MOST_STEADY if judged else None,
    )


def shares(watched: Sequence[Watched]) -> list[tuple[int, float]]:
    return [(one.held, one.share) for one in watched]


def figures(found: Held, registered: int) -> Iterator[Figure]:
    """The lines of the table."""
    yield sweeps("by a gateway that has just started", found.fresh)
    yield sweeps("by the same gateway again", found.again)
    memory = [(one.held, one.rss_mb) for one in found.watched]
    yield added_by_tunnels(registered, found.watched)
    yield line(registered, "CPU", shares(found.watched), " % of a core", MOST_SHARE)
    yield line(registered, "memory (RSS)", memory, " MB", MOST_MB)
    first, last = found.restarted[0], found.restarted[-1]
    each_ms = (last.cpu_s - first.cpu_s) / last.held * 1000
    yield Figure(
        what=f"daemon restarted with {last.held:,} held, until all were probed",
        measured=f"{last.took_s:.0f} s, {last.cpu_s:.1f} s of CPU; {each_ms:.2f} ms a tunnel more"
        " than its start",
        beside=f"start with none held: {first.took_s:.1f} s, {first.cpu_s:.1f} s of CPU"
        + (f"; {found.short}" if found.short else ""),
    )
