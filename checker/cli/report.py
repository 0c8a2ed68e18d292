"""`reversi-checker report`: how much of the watched time each forward was up, by the daily roll-ups
of the state file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from checker.cli.common import registry_there
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.model import Forward, InvalidValue, Watched
from checker.output import aligned, say
from checker.state.errors import StateMissing
from checker.state.store import open_reader

if TYPE_CHECKING:
    from checker.cli.common import Verbs

MOST_DAYS = 400
"""The roll-ups of more days are forgotten."""
HEADINGS = ("NODE", "PORT", "TARGET", "UP", "WATCHED", "WORST DAY")
Reported = tuple[Forward, tuple[Watched, ...]]


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    epilog = (
        "example: reversi-checker report --days 7 office\ndays are those of UTC; time that nobody"
        " watched counts for nothing"
    )
    raw = argparse.RawDescriptionHelpFormatter
    report = verbs.add_parser(
        "report",
        help="how much of the time each forward was up",
        formatter_class=raw,
        epilog=epilog,
    )
    report.add_argument("node", nargs="*", help="only these nodes")
    report.add_argument(
        "--days",
        type=int,
        default=30,
        metavar="N",
        help=f"the last N days (default 30, at most {MOST_DAYS})",
    )
    report.add_argument("--json", action="store_true", help="one JSON document, day by day")
    report.set_defaults(command=cmd_report)


def cmd_report(args: argparse.Namespace, layout: Layout) -> ExitCode:
    if not 1 <= args.days <= MOST_DAYS:
        raise InvalidValue(
            f"--days {args.days} is out of range; write a number from 1 to {MOST_DAYS}"
        )
    registry = registry_there(layout)
    names = [registry.node(name).name for name in args.node] or list(registry.nodes)
    since = time.strftime("%Y-%m-%d", time.gmtime(time.time() - (args.days - 1) * 86400))
    reported = uptimes(
        layout, [forward for forward in registry.forwards if forward.node in names], since
    )
    if args.json:
        say(
            json.dumps(
                {"schema": 1, "since": since, "forwards": [uptime_json(*one) for one in reported]},
                indent=2,
            )
        )
    else:
        say(aligned([HEADINGS, *(uptime_row(*one) for one in reported)]))
    return ExitCode.OK


def uptimes(layout: Layout, forwards: Iterable[Forward], since: str) -> list[Reported]:
    """The forwards with their days from `since` on; without a state file nobody has watched yet.
    Raises StateError.
    """
    try:
        state = open_reader(layout.state)
    except StateMissing:
        return [(forward, ()) for forward in forwards]
    with closing(state):
        return [
            (forward, state.uptime(forward.node, forward.port, since_day=since))
            for forward in forwards
        ]


def share(days: Iterable[Watched]) -> float | None:
    """The part of the watched time that it was up, 0 to 1; None where nobody watched."""
    found = tuple(days)
    watched_s = sum(day.watched_s for day in found)
    return sum(day.up_s for day in found) / watched_s if watched_s else None


def percentage(part: float | None) -> str:
    """Never rounded up to 100."""
    return "-" if part is None else f"{int(part * 10000) / 100:.2f} %"


def uptime_row(forward: Forward, days: Sequence[Watched]) -> tuple[str, ...]:
    """The cells of one forward."""
    worst = min(days, key=lambda day: share([day]) or 0.0, default=None)
    return (
        forward.node,
        str(forward.port),
        str(forward.target),
        percentage(share(days)),
        f"{sum(day.watched_s for day in days) / 3600:.1f} h",
        f"{worst.day} {percentage(share([worst]))}" if worst else "-",
    )


def uptime_json(forward: Forward, days: Sequence[Watched]) -> dict[str, Any]:
    """The documented shape of one forward."""
    return {
        "node": forward.node,
        "port": forward.port,
        "target": str(forward.target),
        "up_s": round(sum(day.up_s for day in days), 1),
        "watched_s": round(sum(day.watched_s for day in days), 1),
        "days": [
            {"day": day.day, "up_s": round(day.up_s, 1), "watched_s": round(day.watched_s, 1)}
            for day in days
        ],
    }
