"""The figures of the uptime screen: their order, their texts, and the same as CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from checker.model import NodeName
from checker.rows.percent import number
from checker.rows.row import Key, Share, age_text
from checker.rows.uptimes import (
    UNTAGGED,
    WEEK,
    Line,
    Reported,
    first_day,
    lines_by_forward,
    lines_by_tag,
    share,
)
from reversi_tui.rows.cutting import Cutter, cut_address, cut_end, cut_middle

UNKNOWN = "-"
NO_TAG = "(none)"
"""As in the counts by tag."""
GAP = 1


class Order(StrEnum):
    """By what the figures are sorted, worst first."""

    DAY = "24 h"
    WEEK = "7 d"
    MONTH = "30 d"
    LOSSES = "losses"
    LONGEST = "longest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """How a forward, or all forwards of a tag, did."""

    key: Key | None = None
    """Of the forward; None: it is a tag."""
    name: str
    """The node's, or the tag."""
    place: str
    """The port, or the number of nodes."""
    target: str
    """Where it leads, or the number of forwards."""
    day: Share = None
    week: Share = None
    month: Share = None
    worst_day: str = ""
    worst: Share = None
    losses: int = 0
    longest_s: float = 0.0

    @property
    def id(self) -> Key | str:
        return self.key or self.name

    @property
    def is_watched(self) -> bool:
        return self.month is not None


def figure_of(line: Line, week: str) -> Figure:
    """The figure of a line of 30 days; `week` is the first of the last 7."""
    about, worst = line.about, line.worst
    is_tag = "tag" in about
    return Figure(
        key=None if is_tag else (about["node"], about["port"]),
        name=about["tag"] if is_tag else about["node"],
        place=str(about["nodes"] if is_tag else about["port"]),
        target=str(about["forwards"] if is_tag else about["target"]),
        day=line.lately,
        week=line.since(week),
        month=line.share,
        worst_day=worst.day if worst else "",
        worst=share([worst]) if worst else None,
        losses=line.losses,
        longest_s=line.longest_s,
    )


def figures(
    reported: Iterable[Reported],
    now: float,
    order: Order,
    tags: Mapping[NodeName, Sequence[str]] | None = None,
) -> tuple[Figure, ...]:
    """The figures, worst first: one for each forward; with `tags`, one for each tag."""
    lines = lines_by_forward(reported) if tags is None else lines_by_tag(reported, tags)
    week = first_day(now, WEEK)
    return tuple(sorted((figure_of(line, week) for line in lines), key=badness(order)))


def badness(order: Order) -> Callable[[Figure], tuple[object, ...]]:
    """What puts the worst first; equal ones by the 30 days, the losses and the name, and what
    nobody watched last.
    """

    def key(figure: Figure) -> tuple[object, ...]:
        return (
            *first_by(figure, order),
            *low_first(figure.month),
            -figure.losses,
            figure.name,
            figure.key or (),
        )

    return key


def first_by(figure: Figure, order: Order) -> tuple[float, ...]:
    match order:
        case Order.DAY:
            return low_first(figure.day)
        case Order.WEEK:
            return low_first(figure.week)
        case Order.MONTH:
            return low_first(figure.month)
        case Order.LOSSES:
            return (-figure.losses,)
        case Order.LONGEST:
            return (-figure.longest_s,)


def low_first(part: Share) -> tuple[float, float]:
    return (1.0, 0.0) if part is None else (0.0, part)


def part_text(part: Share) -> str:
    return number(part) or UNKNOWN


def worst_text(figure: Figure) -> str:
    """The day and its share; none if it was up all the time."""
    if figure.worst is None or figure.worst >= 1:
        return UNKNOWN
    return f"{figure.worst_day[5:]} {number(figure.worst)}"


def losses_text(figure: Figure) -> str:
    return str(figure.losses) if figure.is_watched else UNKNOWN


def longest_text(figure: Figure) -> str:
    return age_text(figure.longest_s) if figure.longest_s else UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One column of the screen."""

    title: str
    width: int
    text: Callable[[Figure], str]
    part: Callable[[Figure], Share] | None = None
    """The share that it shows, to color it; None: it shows none."""
    order: Order | None = None
    right: bool = True
    cutter: Cutter = cut_end


NUMBERS = (
    Cell(
        title="24 h %",
        width=7,
        order=Order.DAY,
        text=lambda figure: part_text(figure.day),
        part=lambda figure: figure.day,
    ),
    Cell(
        title="7 d %",
        width=7,
        order=Order.WEEK,
        text=lambda figure: part_text(figure.week),
        part=lambda figure: figure.week,
    ),
    Cell(
        title="30 d %",
        width=7,
        order=Order.MONTH,
        text=lambda figure: part_text(figure.month),
        part=lambda figure: figure.month,
    ),
    Cell(
        title="worst day %",
        width=12,
        text=worst_text,
        part=lambda figure: figure.worst,
    ),
    Cell(title="losses", width=7, order=Order.LOSSES, text=losses_text),
    Cell(title="longest", width=8, order=Order.LONGEST, text=longest_text),
)
FIRST_TO_GO = ("worst day %", "30 d %", "24 h %", "losses", "longest")
"""Columns that make room for the name."""
LEAST_NAME, MOST_NAME = 12, 32
LEAST_TARGET, MOST_TARGET = 13, 40


def needed(found: Sequence[Figure]) -> tuple[int, int]:
    """The cells of the longest name and of the longest target."""
    names, targets = (len(one.name) for one in found), (len(one.target) for one in found)
    return max(names, default=0), max(targets, default=0)


def fitted(width: int, needs: tuple[int, int], *, by_tag: bool) -> tuple[Cell, ...]:
    """The columns that fit, with their widths: the name, then the numbers, then the target."""
    numbers = list(NUMBERS)
    place = 6 if by_tag else 5
    for title in FIRST_TO_GO:
        if width - place - GAP - total(numbers) >= LEAST_NAME:
            break
        numbers = [cell for cell in numbers if cell.title != title]
    room = width - place - GAP - total(numbers)
    name_width = max(1, min(room, max(LEAST_NAME, min(needs[0], MOST_NAME))))
    cells = [
        Cell(
            title="tag" if by_tag else "node",
            width=name_width,
            text=lambda figure: NO_TAG if by_tag and figure.name == UNTAGGED else figure.name,
            right=False,
            cutter=cut_middle,
        ),
        Cell(title="nodes" if by_tag else "port", width=place, text=lambda figure: figure.place),
    ]
    target = min(room - name_width - GAP, MOST_TARGET)
    if by_tag and target >= len("forwards"):
        cells.append(Cell(title="forwards", width=8, text=lambda figure: figure.target))
    elif not by_tag and target >= LEAST_TARGET:
        cells.append(
            Cell(
                title="target",
                width=max(LEAST_TARGET, min(target, needs[1])),
                text=lambda figure: figure.target,
                right=False,
                cutter=cut_address,
            )
        )
    return (*cells, *numbers)


def total(cells: Iterable[Cell]) -> int:
    """What the columns take, with the gap before each."""
    return sum(cell.width + GAP for cell in cells)


HEADS = {
    False: ("node", "port", "target"),
    True: ("tag", "nodes", "forwards"),
}
COLUMNS = (
    "day_percent",
    "week_percent",
    "month_percent",
    "worst_day",
    "worst_percent",
    "losses",
    "longest_outage_s",
)


def csv_text(found: Iterable[Figure], *, by_tag: bool) -> str:
    """The figures in their order as CSV with a header (RFC 4180); an unknown value is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow((*HEADS[by_tag], *COLUMNS))
    for figure in found:
        writer.writerow(
            (
                figure.name,
                figure.place,
                figure.target,
                number(figure.day),
                number(figure.week),
                number(figure.month),
                figure.worst_day,
                number(figure.worst),
                figure.losses,
                f"{figure.longest_s:.0f}",
            )
        )
    return text.getvalue()


def filter_for(tag: str) -> str:
    """The filter that shows what a tag's line sums up."""
    return "!tags:/./" if tag == UNTAGGED else f"tags:{tag}"


def title_text(shown: int, of: int, *, by_tag: bool, order: Order, filtered: str) -> str:
    """What the screen shows, as a heading."""
    what = "tag" if by_tag else "forward"
    what += "" if (shown if by_tag else of) == 1 else "s"
    count = f"{shown:,} {what}" if by_tag or shown == of else f"{shown:,} of {of:,} {what}"
    parts = [f"Uptime by {order}, worst first: {count}"]
    if filtered:
        parts.append(f"filter: {filtered}")
    return "; ".join((*parts, "percent of the time watched, UTC days"))
