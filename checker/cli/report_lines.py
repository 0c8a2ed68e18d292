"""The lines of `report`: forwards, nodes or tags with their days, as text, JSON and CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checker.model import Forward, Node, NodeName, Watched

Reported = tuple[Forward, tuple[Watched, ...]]
UNTAGGED = "-"
"""Stands for the nodes without a tag; no tag can have this name."""
SUMS = ("UP", "WATCHED", "WORST DAY")
CSV_SUMS = ("since", "until", "up_s", "watched_s", "up_percent", "worst_day", "worst_percent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is reported about, and its days."""

    about: Mapping[str, Any]
    """By column."""
    days: tuple[Watched, ...]

    @property
    def share(self) -> float | None:
        return share(self.days)

    @property
    def worst(self) -> Watched | None:
        return min(self.days, key=lambda day: share([day]) or 0.0, default=None)

    @property
    def name(self) -> str:
        """How a sentence names it."""
        return ":".join(
            str(self.about[key]) for key in ("node", "port", "tag") if key in self.about
        )

    def is_below(self, target: float | None) -> bool:
        """Whether it was up for less than this percentage; not if nobody watched."""
        part = self.share
        return target is not None and part is not None and 100 * part < target


def share(days: Iterable[Watched]) -> float | None:
    """Which part of the watched time it was up, 0 to 1; None if nobody watched."""
    found = tuple(days)
    watched_s = sum(day.watched_s for day in found)
    return sum(day.up_s for day in found) / watched_s if watched_s else None


def percentage(part: float | None) -> str:
    """Never rounded up to 100."""
    return "-" if part is None else f"{number(part)} %"


def number(part: float | None) -> str:
    """The percentage without its sign; empty if unknown."""
    return "" if part is None else f"{int(part * 10000) / 100:.2f}"


def summed(days: Iterable[Watched]) -> tuple[Watched, ...]:
    """One entry for each day, the oldest first."""
    sums: dict[str, tuple[float, float]] = {}
    for day in days:
        up_s, watched_s = sums.get(day.day, (0.0, 0.0))
        sums[day.day] = up_s + day.up_s, watched_s + day.watched_s
    return tuple(
        Watched(day=day, up_s=up_s, watched_s=watched_s)
        for day, (up_s, watched_s) in sorted(sums.items())
    )


def lines_by_forward(reported: Iterable[Reported]) -> list[Line]:
    return [
        Line(
            about={
                "node": forward.node,
                "port": forward.port,
                "target": str(forward.target),
            },
            days=days,
        )
        for forward, days in reported
    ]


def lines_by_node(reported: Sequence[Reported]) -> list[Line]:
    """The forwards of each node together."""
    by_node: dict[NodeName, list[Reported]] = {}
    for one in reported:
        by_node.setdefault(one[0].node, []).append(one)
    return [
        Line(about={"node": node, "forwards": len(found)}, days=summed(all_days(found)))
        for node, found in sorted(by_node.items())
    ]


def lines_by_tag(reported: Sequence[Reported], nodes: Mapping[NodeName, Node]) -> list[Line]:
    """The forwards of each tag's nodes together: one with two tags counts for both. Untagged nodes
    come last.
    """
    by_tag: dict[str, list[Reported]] = {}
    for one in reported:
        node = nodes.get(one[0].node)
        for tag in (node.tags if node else ()) or (UNTAGGED,):
            by_tag.setdefault(tag, []).append(one)
    return [
        Line(
            about={
                "tag": tag,
                "nodes": len({forward.node for forward, _ in found}),
                "forwards": len(found),
            },
            days=summed(all_days(found)),
        )
        for tag, found in sorted(by_tag.items(), key=lambda one: (one[0] == UNTAGGED, one[0]))
    ]


def all_days(reported: Iterable[Reported]) -> Iterable[Watched]:
    return (day for _, days in reported for day in days)


def text_rows(lines: Sequence[Line], columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Headings, and the cells of each line."""
    rows = [(*(column.upper() for column in columns), *SUMS)]
    for line in lines:
        worst = line.worst
        rows.append(
            (
                *(str(line.about[column]) for column in columns),
                percentage(line.share),
                f"{sum(day.watched_s for day in line.days) / 3600:.1f} h",
                f"{worst.day} {percentage(share([worst]))}" if worst else "-",
            )
        )
    return rows


def csv_text(lines: Iterable[Line], columns: Sequence[str], since: str, until: str) -> str:
    """CSV with a header (RFC 4180); a percentage that is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow((*columns, *CSV_SUMS))
    for line in lines:
        worst = line.worst
        writer.writerow(
            (
                *(line.about[column] for column in columns),
                since,
                until,
                f"{sum(day.up_s for day in line.days):.1f}",
                f"{sum(day.watched_s for day in line.days):.1f}",
                number(line.share),
                worst.day if worst else "",
                number(share([worst])) if worst else "",
            )
        )
    return text.getvalue()


def line_json(line: Line, target: float | None) -> dict[str, Any]:
    """The documented shape of a line; `below` is only there if there is a target."""
    about = {
        key: None if key == "tag" and value == UNTAGGED else value
        for key, value in line.about.items()
    }
    return {
        **about,
        "up_s": round(sum(day.up_s for day in line.days), 1),
        "watched_s": round(sum(day.watched_s for day in line.days), 1),
        **({} if target is None else {"below": line.is_below(target)}),
        "days": [
            {"day": day.day, "up_s": round(day.up_s, 1), "watched_s": round(day.watched_s, 1)}
            for day in line.days
        ],
    }


def below_sentence(lines: Sequence[Line], target: float) -> str:
    """Which ones were below the target, the worst first; empty if none was."""
    below = sorted(
        (line for line in lines if line.is_below(target)), key=lambda line: line.share or 0.0
    )
    if not below:
        return ""
    shown = ", ".join(f"{line.name} ({percentage(line.share)})" for line in below[:20])
    more = f" and {len(below) - 20} more" if len(below) > 20 else ""
    return f"below {target:g} %: {shown}{more}"
