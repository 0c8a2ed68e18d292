"""The verb `report`: how much of the time each forward was up, from the state file's daily sums."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from pathlib import Path

from checker.cli.answers import say_json
from checker.cli.common import existing_registry
from checker.cli.dialog import narrate
from checker.cli.exit_codes import ExitCode
from checker.cli.report_lines import below_sentence, csv_text, line_json, text_rows
from checker.cli.selection import add_filter, matching_rows, refuse_both
from checker.cli.verbs import Verbs, add_here, add_json, add_verb
from checker.config.layout import Layout, has_mirrors
from checker.control.uptimes import Span, read_uptimes
from checker.model import Forward, InvalidValue, parse_day
from checker.output import aligned, say
from checker.registry.nodes import Registry
from checker.rows.uptimes import (
    DAY_S,
    Line,
    Reported,
    day_at,
    lines_by_forward,
    lines_by_node,
    lines_by_tag,
    start_of,
)

MOST_DAYS = 400
"""The state file keeps no older sums."""
USUAL_DAYS = 30
FEW = 100
"""Fewer nodes than these are looked up by name; else all days are read at once."""
COLUMNS = {
    "forward": ("node", "port", "target"),
    "node": ("node", "forwards"),
    "tag": ("tag", "nodes", "forwards"),
}
JSON_KEYS = {"forward": "forwards", "node": "nodes", "tag": "tags"}


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    report = add_verb(
        verbs,
        "report",
        "show how much of the time each forward was up",
        "reversi-checker report --days 7 office",
        "reversi-checker report --since 2026-11-01 --until 2026-12-01 --by tag --csv",
        "reversi-checker report --target 99.5      # exit status 1 if one was up for less",
        ending=(
            "Days are UTC days. Time during which no daemon ran is left out. Losses and outages are"
            " counted from the events of the last 90 days."
        ),
    )
    report.add_argument("node", metavar="NODE", nargs="*", help="only these nodes")
    add_filter(report)
    add_here(report)
    report.add_argument(
        "--days",
        type=int,
        metavar="N",
        help=f"the last N days (default {USUAL_DAYS}, at most {MOST_DAYS})",
    )
    report.add_argument(
        "--since", metavar="DAY", help="from this day on: 2026-11-01, or 7d or 2w (ago)"
    )
    report.add_argument(
        "--until", metavar="DAY", help="up to the day before this one (default: until now)"
    )
    report.add_argument(
        "--by",
        choices=tuple(COLUMNS),
        default="forward",
        help="one line for each forward (default), or one for all forwards of a node or tag",
    )
    report.add_argument(
        "--target",
        type=float,
        metavar="PERCENT",
        help="name those that were up for less of the time, and end with exit status 1",
    )
    report.add_argument("--csv", action="store_true", help="print CSV with a header (RFC 4180)")
    add_json(report, "print one JSON document, day by day")
    report.set_defaults(command=cmd_report)


def cmd_report(args: argparse.Namespace, layout: Layout) -> ExitCode:
    now = time.time()
    span = span_of(args, now)
    refuse_contradiction(args)
    registry = existing_registry(layout)
    asked = asked_for(args, layout, registry)
    few = {forward.node for forward in asked}
    nodes = few if len(few) < FEW or args.node else None
    mirrors = () if args.here else mirrors_of(layout)
    reported = read_uptimes(layout.state, asked, span, now, nodes=nodes, mirrors=mirrors)
    lines = lines_of(args.by, reported, registry)
    print_lines(args, lines, span)
    sentence = "" if args.target is None else below_sentence(lines, args.target)
    if sentence:
        narrate(sentence)
    return ExitCode.NOT_UP if sentence else ExitCode.OK


def mirrors_of(layout: Layout) -> Sequence[Path]:
    """The state files of the other gateways in the fleet. Raises ConfigError."""
    if not has_mirrors(layout):
        return ()
    from checker.control.fleet_rows import mirror_paths  # only a fleet needs it

    return mirror_paths(layout)


def refuse_contradiction(args: argparse.Namespace) -> None:
    """Raises InvalidValue."""
    if args.csv and args.json:
        raise InvalidValue("--csv and --json cannot be combined: leave one of them out")
    if args.target is not None and not 0 < args.target <= 100:
        raise InvalidValue(f"--target {args.target:g} is not a percentage; write one up to 100")


def span_of(args: argparse.Namespace, now: float) -> Span:
    """The days that were asked for. Raises InvalidValue."""
    if args.days is not None and (args.since or args.until):
        raise InvalidValue(
            "--days counts from today, so it cannot be combined with --since or --until: leave one"
            " out"
        )
    if args.days is not None and not 1 <= args.days <= MOST_DAYS:
        raise InvalidValue(
            f"--days {args.days} is out of range; write a number from 1 to {MOST_DAYS}"
        )
    until = day_in("--until", args.until, now) if args.until else day_at(now + DAY_S)
    since = (
        day_in("--since", args.since, now)
        if args.since
        else day_at(start_of(until) - (args.days or USUAL_DAYS) * DAY_S)
    )
    if since >= until:
        raise InvalidValue(f"--since {since} is not before --until {until}")
    return Span(since=since, until=until)


def day_in(option: str, text: str, now: float) -> str:
    """A UTC day, from `2026-11-01`, `7d` or `2w`. Raises InvalidValue."""
    match = re.fullmatch(r"([0-9]{1,4})([dw])", text, re.ASCII)
    if match:
        return day_at(now - int(match[1]) * DAY_S * (7 if match[2] == "w" else 1))
    try:
        return parse_day(text)
    except InvalidValue as error:
        raise InvalidValue(
            f"{option} {text[:40]!r} is not a day; a report counts whole UTC days: write"
            " 2026-11-01, or 7d or 2w (ago)"
        ) from error


def lines_of(by: str, reported: Sequence[Reported], registry: Registry) -> list[Line]:
    match by:
        case "node":
            return lines_by_node(reported)
        case "tag":
            return lines_by_tag(
                reported, {name: node.tags for name, node in registry.nodes.items()}
            )
        case _:
            return lines_by_forward(reported)


def print_lines(args: argparse.Namespace, lines: Sequence[Line], span: Span) -> None:
    columns = COLUMNS[args.by]
    if args.json:
        target = {} if args.target is None else {"target": args.target}
        found = [line_json(line, args.target) for line in lines]
        say_json(since=span.since, until=span.until, **target, **{JSON_KEYS[args.by]: found})
    elif args.csv:
        say(csv_text(lines, columns, span.since, span.until), end="")
    else:
        say(aligned(text_rows(lines, columns)))


def asked_for(args: argparse.Namespace, layout: Layout, registry: Registry) -> list[Forward]:
    """The forwards that were asked for. Raises UnknownNode, and what matching_rows raises."""
    refuse_both(args, args.node, "nodes")
    if args.filter is None:
        return forwards_of(registry, args.node)
    rows = matching_rows(layout, registry, args.filter, only_here=args.here)
    return [row.forward for row in rows if row.forward is not None and not row.unregistered]


def forwards_of(registry: Registry, nodes: Sequence[str]) -> list[Forward]:
    """The forwards of these nodes, or of all if none is named. Raises UnknownNode."""
    names = {registry.node(name).name for name in nodes}
    return [forward for forward in registry.forwards if not nodes or forward.node in names]
