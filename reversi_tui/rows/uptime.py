"""Draws uptime in characters: 24 hours as runs of levels, 30 days as bars. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby

from checker.model import Watched
from checker.rows.hours import FULL, NEVER_UP, NOBODY, Level, levels
from checker.rows.row import Share
from checker.rows.uptimes import MONTH, share_of
from checker.rows.uptimes import share as share_of_days

DAYS = MONTH
EIGHTHS = "▁▂▃▄▅▆▇█"
AXIS = 5
"""Cells of the percentages left of the bars."""
ASCII = str.maketrans("█▇▆▅▄▃▂▁×·●✖○⊘≠⚑…↑↓←→─│┤»‖▌▸▾├└", "##++=--_x.o!-/~x~^v<>-||>|>+v|`")
LEVEL_MEANING = {
    Level.FULL: "up throughout",
    Level.MOSTLY: "up for most of the hour",
    Level.HALF: "up for about half of it",
    Level.LITTLE: "up for little of it",
    Level.NONE: "never up",
    Level.UNWATCHED: "no daemon watched",
}


def in_ascii(text: str) -> str:
    """The same cells in ASCII."""
    return text.translate(ASCII)


def runs(hours: Sequence[Share]) -> list[tuple[Level, int]]:
    """The strip as levels with their lengths, to colour it with few escape sequences."""
    return [(found, len(list(cells))) for found, cells in groupby(levels(hours))]


def last_days(
    days: Sequence[Watched], today: str, count: int = DAYS
) -> tuple[tuple[str, Share], ...]:
    """The last days up to today (YYYY-MM-DD) with their shares, watched or not."""
    by_day = {day.day: share_of(day.up_s, day.watched_s) for day in days}
    last = date.fromisoformat(today)
    names = [(last - timedelta(days=ago)).isoformat() for ago in reversed(range(count))]
    return tuple((name, by_day.get(name)) for name in names)


def bar(share: Share, height: int) -> str:
    """A bar of `height` cells, the top first."""
    if share is None or share <= 0:
        return (NOBODY if share is None else NEVER_UP).rjust(height)
    most = 8 * height
    eighths = most if share >= FULL else max(1, min(most - 1, int(share * most)))
    whole, part = divmod(eighths, 8)
    return (("" if part == 0 else EIGHTHS[part - 1]) + EIGHTHS[-1] * whole).rjust(height)


def days_chart(
    days: Sequence[Watched], today: str, width: int, *, height: int = 3, ascii_only: bool = False
) -> tuple[str, ...]:
    """A bar per day up to today (YYYY-MM-DD), as many of the last 30 as fit; the first and the last
    day are named below.
    """
    count = max(1, min(DAYS, width - AXIS))
    step = max(1, min(3, (width - AXIS) // count))
    shown = last_days(days, today, count)
    bars = [bar(share, height) for _, share in shown]
    scales = ["100%", *[""] * (height - 2), "0%"] if height > 1 else [""]
    lines = [
        f"{scale:>{AXIS - 1}} {columns_of([cells[row] for cells in bars], step)}"
        for row, scale in enumerate(scales)
    ]
    first, last = shown[0][0][5:], shown[-1][0][5:]
    lines.append(
        " " * AXIS + (first + last.rjust(count * step - len(first)) if count * step > 11 else last)
    )
    return tuple(map(in_ascii, lines)) if ascii_only else tuple(lines)


def columns_of(cells: Sequence[str], step: int) -> str:
    """One line of the bars, each `step` cells wide, its gap included."""
    return "".join(cell * max(1, step - 1) + " " * (step > 1) for cell in cells).rstrip()


def days_text(days: Sequence[Watched], today: str) -> str:
    """The last 30 days as a sentence: all of them, the worst one, and how many were not watched."""
    shown = last_days(days, today)
    watched = [(share, day) for day, share in shown if share is not None]
    if not watched:
        return f"no daemon watched in the last {DAYS} days"
    inside = [day for day in days if day.day >= shown[0][0] and day.watched_s > 0]
    whole = share_of_days(inside) or 0.0
    share, worst = min(watched)
    missing = (
        f"; no daemon watched on {DAYS - len(watched)} of {DAYS} days"
        if len(watched) < DAYS
        else ""
    )
    return (
        f"up {percent(whole)} of the watched time; worst day {worst} with {percent(share)}{missing}"
    )


def percent(share: float) -> str:
    """A share as text; only all of it is 100 %."""
    return f"{min(int(share * 1000) / 10, 100.0):.1f} %"
