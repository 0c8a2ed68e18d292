"""The verb `report`: how much of the time each forward was up, from the state file's daily sums."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

from checker.cli.answers import say_json
from checker.cli.common import existing_registry
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_json, add_verb
from checker.config.layout import Layout
from checker.model import Forward, InvalidValue, Watched
from checker.output import aligned, say
from checker.registry.nodes import Registry
from checker.state.errors import StateMissing
from checker.state.store import open_reader

MOST_DAYS = 400
"""The state file keeps no older sums."""
HEADINGS = ("NODE", "PORT", "TARGET", "UP", "WATCHED", "WORST DAY")
Reported = tuple[Forward, tuple[Watched, ...]]


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    report = add_verb(
        verbs,
        "report",
        "show how much of the time each forward was up",
        "reversi-checker report --days 7 office",
        ending="Days are UTC days. Time during which no daemon ran is left out.",
    )
    report.add_argument("node", nargs="*", help="only these nodes")
    report.add_argument(
        "--days",
        type=int,
        default=30,
        metavar="N",
        help=f"the last N days (default 30, at most {MOST_DAYS})",
    )
    add_json(report, "print one JSON document, day by day")
    report.set_defaults(command=cmd_report)


def cmd_report(args: argparse.Namespace, layout: Layout) -> ExitCode:
    if not 1 <= args.days <= MOST_DAYS:
        raise InvalidValue(
            f"--days {args.days} is out of range; write a number from 1 to {MOST_DAYS}"
        )
    since = time.strftime("%Y-%m-%d", time.gmtime(time.time() - (args.days - 1) * 86400))
    reported = uptimes(layout, forwards_of(existing_registry(layout), args.node), since)
    if args.json:
        say_json(since=since, forwards=[uptime_json(*one) for one in reported])
    else:
        say(aligned([HEADINGS, *(uptime_row(*one) for one in reported)]))
    return ExitCode.OK


def forwards_of(registry: Registry, nodes: Sequence[str]) -> list[Forward]:
    """The forwards of these nodes, or of all if none is named. Raises UnknownNode."""
    names = {registry.node(name).name for name in nodes}
    return [forward for forward in registry.forwards if not nodes or forward.node in names]


def uptimes(layout: Layout, forwards: Iterable[Forward], since: str) -> list[Reported]:
    """The forwards with their days from `since` on; without days before a state file exists.
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
    """Which part of the watched time it was up, 0 to 1; None if nobody watched."""
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
