"""The lines of `report` as text, CSV and JSON. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from checker.output import age
from checker.rows.percent import number, percentage
from checker.rows.uptimes import UNTAGGED, Line, share

SUMS = ("UP", "WATCHED", "WORST DAY", "LOSSES", "LONGEST OUTAGE")
CSV_SUMS = (
    "since",
    "until",
    "up_s",
    "watched_s",
    "up_percent",
    "worst_day",
    "worst_percent",
    "losses",
    "longest_outage_s",
)


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
                str(line.losses) if worst else "-",
                age(0.0, line.longest_s) if line.longest_s else "-",
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
                line.losses,
                f"{line.longest_s:.0f}",
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
        "losses": line.losses,
        "longest_outage_s": round(line.longest_s, 1),
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
