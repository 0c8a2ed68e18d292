"""The verb `log`: past events, and new ones as they come."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from checker.cli.answers import say_json
from checker.cli.common import existing_registry
from checker.cli.dialog import warn
from checker.cli.exit_codes import ExitCode
from checker.cli.log_options import Holds, add_log_options, wanted_of
from checker.cli.selection import add_filter
from checker.cli.verbs import Verbs, add_here, add_json, add_verb
from checker.config.layout import Layout, has_mirrors, refuse_missing
from checker.control.matching import NothingMatches, rows_now
from checker.model import Event, NodeName
from checker.nearest import did_you_mean
from checker.output import event_line, say
from checker.registry.last_good import read_known
from checker.rows.event_filter import Around, RowsOf, event_mistake, shows
from checker.rows.event_lines import Line
from checker.rows.filter import parse_filter
from checker.rows.mistakes import MistakenFilter
from checker.state.errors import StateMissing
from checker.state.event_query import Wanted
from checker.state.rows import event_row
from checker.state.store import StateFile, open_reader

FOLLOW_EVERY_S = 0.3


class Log(Protocol):
    """Where events come from."""

    def past(self, wanted: Wanted) -> Iterator[Line]:
        """The wanted events, oldest first. Raises StateError."""
        ...

    def followed(self, lines: Iterable[Line], wanted: Wanted) -> Iterator[Line]:
        """These lines, then each new one, without end. Raises StateError."""
        ...


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    log = add_verb(
        verbs,
        "log",
        "show what happened: status changes, kills, refusals",
        "reversi-checker log --node office --follow",
        "reversi-checker log --since 2h --kind kill,kill-failed",
        "reversi-checker log --since 2026-11-01 --until 2026-11-08 --grep 'not registered'",
        "reversi-checker log --filter 'kind:kill actor:ada at:yesterday'",
        ending="Times are local, as printed. All options can be combined.\nIn a filter, kind:,"
        " actor:, at:, text:, node:, port: and gateway: are the event's own; status:, tag: and\nall"
        " others say what its forwards are now. The console's event log takes the same text.",
    )
    add_log_options(log)
    add_filter(log, "events")
    add_here(log)
    log.add_argument(
        "--follow", action="store_true", help="print new events as they come, until interrupted"
    )
    add_json(log, "print one JSON document; with --follow, one for each event")
    log.set_defaults(command=cmd_log)


def cmd_log(args: argparse.Namespace, layout: Layout) -> ExitCode:
    also = None if args.filter is None else of_filter(layout, args.filter, only_here=args.here)
    wanted = wanted_of(args, time.time(), also)
    log = log_of(layout, is_followed=args.follow, only_here=args.here)
    lines = log.past(wanted)
    first = next(lines, None)
    if first is None:
        ever = Wanted(limit=1, holds=also)
        if also and not args.follow and next(log.past(ever), None) is None:
            raise NothingMatches(f"nothing matches the filter {args.filter!r}")
        for node in sorted(wanted.nodes):
            warn_of_unknown(layout, node)
    else:
        lines = chain((first,), lines)
    if args.json and not args.follow:
        say_json(events=[event_json(*line) for line in lines])
        return ExitCode.OK
    for line in log.followed(lines, wanted) if args.follow else lines:
        say(
            json.dumps({"schema": 1, "event": event_json(*line)})
            if args.json
            else event_line(*line)
        )
    return ExitCode.OK


def log_of(layout: Layout, *, is_followed: bool, only_here: bool) -> Log:
    """The events of this gateway, or in a fleet those of all. Raises NoGateway, StateError,
    ConfigError.
    """
    refuse_missing(layout)
    if not only_here and has_mirrors(layout):
        from checker.control.fleet_events import fleet_log  # only a fleet needs it

        found = fleet_log(layout, FOLLOW_EVERY_S)
        if found is not None:
            return found
    return OwnLog(opened(layout, is_followed=is_followed))


@dataclass(frozen=True, slots=True)
class OwnLog:
    """The events of this gateway."""

    state: StateFile | None
    """None: it has none yet."""

    def past(self, wanted: Wanted) -> Iterator[Line]:
        return unnamed(past_events(self.state, wanted))

    def followed(self, lines: Iterable[Line], wanted: Wanted) -> Iterator[Line]:
        assert self.state is not None
        return unnamed(followed(self.state, (event for event, _ in lines), wanted))


def unnamed(events: Iterable[Event]) -> Iterator[Line]:
    return ((event, "") for event in events)


def of_filter(layout: Layout, text: str, *, only_here: bool) -> Holds:
    """Whether the filter shows an event. Raises MistakenFilter, NoGateway, StateError."""
    found, moment = rows_now(layout, existing_registry(layout), text, only_here=only_here)
    sentence = event_mistake(text, found, moment)
    if sentence:
        raise MistakenFilter(sentence)
    wanted, around = parse_filter(text), Around(rows=RowsOf(found), moment=moment)
    return lambda event, gateway: shows(wanted, event, replace(around, gateway=gateway))


def warn_of_unknown(layout: Layout, name: NodeName) -> None:
    """Warn if no node has this name, which may be mistyped."""
    known = read_known(layout)
    names = (*known.nodes, *known.broken)
    if name not in names:
        warn(f"no event and no node has the name {name!r}{did_you_mean(name, names)}")


def opened(layout: Layout, *, is_followed: bool) -> StateFile | None:
    """The state file; None before one exists. To follow a missing one raises StateMissing. Raises
    StateError.
    """
    try:
        return open_reader(layout.state)
    except StateMissing:
        if is_followed:
            raise
        return None


def past_events(state: StateFile | None, wanted: Wanted) -> Iterator[Event]:
    """The wanted events, oldest first; without a state file there are none."""
    return state.wanted_events(wanted) if state else iter(())


def event_json(event: Event, gateway: str = "") -> dict[str, Any]:
    """The documented shape of an event; `at` is Unix seconds, and `id` counts those of a
    gateway.
    """
    row = {**event_row(event), "kind": event.kind.value}
    del row["act"]  # a detail of how it is stored
    return {"id": event.id, **row, **({"gateway": gateway} if gateway else {})}


def followed(state: StateFile, events: Iterable[Event], wanted: Wanted) -> Iterator[Event]:
    """These events, then each new one, without end; also those in a file that replaces this one."""
    inode, after = inode_of(state.path), 0
    for event in events:
        after = max(after, event.id)
        yield event
    while True:
        yield from until_replaced(state, inode, replace(wanted, after=after, limit=None))
        inode, state, after = *reopened(state.path), 0


def until_replaced(state: StateFile, inode: int | None, wanted: Wanted) -> Iterator[Event]:
    """Each new wanted event, until another file has the path of this one."""
    token = -1  # older than any: do not miss what came before the first look
    with closing(state):
        while inode is not None and inode_of(state.path) == inode:
            if state.changed_token() == token:
                time.sleep(FOLLOW_EVERY_S)
                continue
            token, last = state.changed_token(), state.last_event_id()
            for event in state.wanted_events(wanted):
                last = max(last, event.id)
                yield event
            wanted = replace(wanted, after=last)


def inode_of(path: Path) -> int | None:
    """The inode that has this path now; None if none has."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def reopened(path: Path) -> tuple[int | None, StateFile]:
    """Wait until the daemon has made a new state file; its inode, and the file."""
    while True:
        try:
            return inode_of(path), open_reader(path)
        except StateMissing:
            time.sleep(FOLLOW_EVERY_S)
