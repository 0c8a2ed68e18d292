"""Pictures of the console over a fixed state, clock and time zone: always the same bytes."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from pathlib import Path

from checker.config.layout import SYSTEM, Layout
from checker.model import (
    Event,
    EventKind,
    Hour,
    NodeName,
    Port,
    ProcessId,
    Registration,
    Unregistered,
    Watched,
)
from checker.state.rows import Batch
from reversi_tui.reader.trends import Trends
from tests.registry_samples import register
from tests.reversi_tui.console.screen import shows, until
from tests.reversi_tui.console.states import (
    FORWARDS,
    NOW,
    SEEN,
    console,
    demo_home,
    forward,
    sweep,
    tunnel,
    write,
)

WIDTH, HEIGHT = 128, 16
CELL = 12.2
"""The width of a character in Rich's SVG."""
STRANGER = Unregistered(
    node=NodeName("kiosk"),
    port=Port(50001),
    expect=FORWARDS[0].expect,
    first_at=NOW - 90000,
    last_at=NOW - 30,
)
SECOND = forward("attic", 20110, target="192.168.7.1:80", expect="http")
ROWS = len(FORWARDS) + 2
OUTAGES = {
    "attic": {7: 50.0},
    "barn": {0: 20.0, 3: 0.0, 4: 0.0, 5: 71.0, 11: 96.0},
    "cellar": dict.fromkeys(range(3), 0.0) | {3: 40.0},
}
"""Percent of the hours (so many ago) in which a node was not up throughout."""


def showcase(home: Path) -> Layout:
    """A node in each status, one with two forwards, a stranger, and a past."""
    layout = demo_home(home)
    register(layout, (FORWARDS[0], SECOND))
    second = replace(tunnel("attic", 20110, detail="HTTP/1.1 200 OK"), latency_ms=18.0)
    strange = tunnel("kiosk", 50001, pid=4050)
    hours = tuple(
        Hour(
            node=seen.node,
            port=seen.port,
            hour=int(NOW // 3600) - ago,
            up_s=OUTAGES.get(seen.node, {}).get(ago, 100.0),
            watched_s=100.0,
        )
        for seen in (*SEEN[:4], second)
        for ago in range(20 if seen.node == "dock" else 24)
    )
    write(
        layout,
        Batch(
            tunnels=(
                *(
                    replace(seen, bytes_total=41_800_000, answer="SSH-2.0-dropbear\\x0d\\x0a")
                    for seen in SEEN[:1]
                ),
                second,
                strange,
            ),
            unregistered=(STRANGER,),
            hours=hours,
            uptime=days(),
            events=past(),
            registrations=(held(),),
            sweep=replace(sweep(), logins_waiting=2),
        ),
    )
    return layout


BAD_DAYS = {
    ("attic", 20010): [1.0, 1.0, 0.999, 1.0],
    ("attic", 20110): [1.0],
    ("barn", 20011): [1.0, 0.97, 1.0, 1.0, 0.9, 0.55, 0.2, 0.0, 0.6, 1.0],
    ("cellar", 20012): [0.7, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    ("dock", 20013): [1.0, 0.98],
}
"""Shares of the days, the newest first, again and again."""


def days() -> tuple[tuple[NodeName, Port, Watched], ...]:
    """A month, with a bad week of the barn's in it."""
    spent = [time.strftime("%Y-%m-%d", time.gmtime(NOW - ago * 86400)) for ago in range(28)]
    return tuple(
        (
            NodeName(node),
            Port(port),
            Watched(day=day, up_s=864.0 * shares[at % len(shares)] * 100, watched_s=86400.0),
        )
        for (node, port), shares in BAD_DAYS.items()
        for at, day in enumerate(spent)
    )


def past() -> tuple[Event, ...]:
    barn = NodeName("barn")
    return (
        Event(
            at=NOW - 860,
            kind=EventKind.HOLD,
            text="instance b2 registered from 203.0.113.7:40022",
            node=barn,
            actor="barn",
        ),
        Event(at=NOW - 400, kind=EventKind.STATUS, text="up -> hung", node=barn, port=Port(20011)),
    )


def held() -> Registration:
    session = ProcessId(pid=4001, start_ticks=777)
    return Registration(
        node=NodeName("barn"),
        instance="b2",
        session=session,
        peer="203.0.113.7:40022",
        registered_at=NOW - 860,
        client="bundle-0.1.0/dropbear-2022.83",
    )


def watched(trends: Trends, sweeps: int) -> None:
    """What these sweeps found out about the attic: a reconnect, then a transfer that slows it."""
    seen, carried = SEEN[0], 0
    for number in range(sweeps):
        is_busy = 22 <= number < 40
        carried = 0 if number == 17 else carried + (1_600_000 + 20_000 * number) * is_busy + 700
        latency_ms = 41.0 + number % 3 + (35.0 + number % 7) * is_busy
        at = NOW - 20.0 * (sweeps - number)
        trends.take([replace(seen, probed_at=at, latency_ms=latency_ms, bytes_total=carried)], {})


@contextmanager
def in_utc() -> Iterator[None]:
    """The local time is UTC, and the terminal one that draws everything."""
    before = {
        name: os.environ.get(name) for name in ("TZ", "TERM", "LC_ALL", "NO_COLOR", "TMUX", "STY")
    }
    os.environ.update({"TZ": "UTC", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
    for name in ("NO_COLOR", "TMUX", "STY"):
        os.environ.pop(name, None)
    time.tzset()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        time.tzset()


async def picture(
    home: Path,
    *keys: str,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    awaited: str = "",
    sweeps: int = 0,
) -> str:
    """The SVG of what the console shows after these keys, once the awaited words are there."""
    with in_utc(), chdir("/"):
        layout = replace(showcase(home), home=None, config=SYSTEM.config)
        app = console(layout, sort_by="status")
        watched(app.source.trends, sweeps)
        async with app.run_test(size=size) as pilot:
            await shows(pilot, "unregistered" if size[0] > 100 else "*1")
            await shows(pilot, "running")
            await shows(pilot, f"{ROWS} forwards")
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            await shows(pilot, awaited)
            await until(
                pilot,
                lambda: (
                    app.main.row_detail.sheet is None
                    or app.main.row_detail.sheet.dossier is not None
                ),
            )
            await pilot.pause()
            return plain(app.export_screenshot(title="reversi-tui"))


def plain(svg: str) -> str:
    """The SVG without what differs from run to run, and without addresses of fonts."""
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    svg = re.sub(
        r' x="([\d.]+)"( y="[\d.]+") textLength="([\d.]+)"([^>]*>)((?:&#160;)+)(?!<)', moved_on, svg
    )
    return re.sub(r"font-family: Fira Code", "font-family: Fira Code, DejaVu Sans Mono", svg)


def moved_on(match: re.Match[str]) -> str:
    """A text moved by the blanks that it begins with: not every viewer draws those."""
    blanks = match[5].count("&#160;") * CELL
    return (
        f' x="{float(match[1]) + blanks:g}"{match[2]}'
        f' textLength="{float(match[3]) - blanks:g}"{match[4]}'
    )


def write_picture(
    path: Path, *keys: str, size: tuple[int, int] = (WIDTH, HEIGHT), awaited: str = ""
) -> None:
    """Write a picture of the documentation."""
    with tempfile.TemporaryDirectory() as folder:
        svg = asyncio.run(picture(Path(folder) / "gateway", *keys, size=size, awaited=awaited))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg)
