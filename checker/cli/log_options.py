"""What the verb `log` can be asked for: its options, and what they ask of the state file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable

from checker.model import Event, EventKind, InvalidValue, NodeName, parse_past
from checker.nearest import did_you_mean
from checker.state.event_query import Wanted

USUAL_LIMIT = 100
KINDS = tuple(kind.value for kind in EventKind)
TIMES = "2026-11-26, 2026-11-26T08:00, or 2h (ago)"
Holds = Callable[[Event, str], bool]
"""Whether an event of that gateway is wanted; the ID is empty without a fleet."""


def add_log_options(log: argparse.ArgumentParser) -> None:
    """Declare the options that choose events; all of them must hold."""
    log.add_argument("--since", metavar="TIME", help=f"only events from then on: {TIMES}")
    log.add_argument(
        "--until", metavar="TIME", help="only events before then; also written as for --since"
    )
    log.add_argument(
        "--kind",
        action="append",
        default=[],
        metavar="KIND[,KIND...]",
        help=f"only events of these kinds: {', '.join(KINDS)}",
    )
    log.add_argument(
        "--actor",
        action="append",
        default=[],
        metavar="NAME",
        help="only what this operator did, or `daemon`; can be repeated",
    )
    log.add_argument(
        "--node",
        action="append",
        default=[],
        metavar="NAME",
        help="only the events of this node; can be repeated",
    )
    log.add_argument(
        "--grep", metavar="REGEX", help="only events whose text matches this regular expression"
    )
    log.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help=f"the newest N (default {USUAL_LIMIT}; with --since or --until, all)",
    )


def wanted_of(args: argparse.Namespace, now: float, also: Holds | None = None) -> Wanted:
    """The events that the options ask for, and that `also` holds for. Raises InvalidValue."""
    since = parse_past(args.since, now, "--since") if args.since else None
    until = parse_past(args.until, now, "--until") if args.until else None
    if since is not None and until is not None and since >= until:
        raise InvalidValue(f"--since {args.since} is not before --until {args.until}")
    if until is not None and args.follow:
        raise InvalidValue(
            "--follow shows new events, and --until leaves them out: give only one of the two"
        )
    return Wanted(
        limit=limit_of(args, is_bounded=since is not None or until is not None),
        since=since,
        until=until,
        kinds=kinds_in(args.kind),
        actors=frozenset(args.actor),
        nodes=frozenset(map(NodeName, args.node)),
        holds=both(text_test(args.grep), also),
    )


def limit_of(args: argparse.Namespace, *, is_bounded: bool) -> int | None:
    """Raises InvalidValue."""
    if args.limit is None:
        return None if is_bounded else USUAL_LIMIT
    if args.limit < 1:
        raise InvalidValue(f"--limit {args.limit} is not a count; write a number from 1")
    return int(args.limit)


def kinds_in(texts: Iterable[str]) -> frozenset[EventKind]:
    """The kinds that were named, commas between them. Raises InvalidValue."""
    words = [word.strip() for text in texts for word in text.split(",")]
    for word in words:
        if word not in KINDS:
            hint = did_you_mean(word, KINDS) or f"; kinds are: {', '.join(KINDS)}"
            raise InvalidValue(f"there is no kind of event {word[:40]!r}{hint}")
    return frozenset(map(EventKind, words))


def text_test(pattern: str | None) -> Holds | None:
    """Whether an event's text has what the regular expression finds. Raises InvalidValue."""
    if pattern is None:
        return None
    try:
        found = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidValue(f"--grep {pattern!r} is not a regular expression: {error}") from error
    return lambda event, _: found.search(event.text) is not None


def both(first: Holds | None, second: Holds | None) -> Holds | None:
    if first is None or second is None:
        return first or second
    return lambda event, gateway: first(event, gateway) and second(event, gateway)
