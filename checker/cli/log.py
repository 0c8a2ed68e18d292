"""The verb `log`: past events, and new ones as they come."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from checker.cli.answers import say_json
from checker.cli.dialog import warn
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_json, add_verb
from checker.config.layout import Layout, refuse_missing
from checker.model import Event, InvalidValue, NodeName
from checker.nearest import did_you_mean
from checker.output import clock, say
from checker.registry.last_good import read_known
from checker.state.errors import StateMissing
from checker.state.rows import event_row
from checker.state.store import StateFile, open_reader

FOLLOW_EVERY_S = 0.3


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    log = add_verb(
        verbs,
        "log",
        "show what happened: status changes, kills, refusals",
        "reversi-checker log --node office --follow",
    )
    log.add_argument("--node", help="only the events of this node")
    log.add_argument(
        "--limit", type=int, default=100, metavar="N", help="the newest N (default 100)"
    )
    log.add_argument(
        "--follow", action="store_true", help="print new events as they come, until interrupted"
    )
    add_json(log, "print one JSON document; with --follow, one for each event")
    log.set_defaults(command=cmd_log)


def cmd_log(args: argparse.Namespace, layout: Layout) -> ExitCode:
    if args.limit < 1:
        raise InvalidValue(f"--limit {args.limit} is not a count; write a number from 1")
    node = NodeName(args.node) if args.node else None
    events, state = past_events(layout, args.limit, node, is_followed=args.follow)
    if node and not events:
        warn_of_unknown(layout, node)
    if args.json and not args.follow:
        say_json(events=[event_json(event) for event in events])
        return ExitCode.OK
    for event in followed(state, events, node) if state else events:
        say(
            json.dumps({"schema": 1, "event": event_json(event)})
            if args.json
            else event_line(event)
        )
    return ExitCode.OK


def warn_of_unknown(layout: Layout, name: NodeName) -> None:
    """Warn if no node has this name, which may be mistyped."""
    known = read_known(layout)
    names = (*known.nodes, *known.broken)
    if name not in names:
        warn(f"no event and no node has the name {name!r}{did_you_mean(name, names)}")


def past_events(
    layout: Layout, limit: int, node: NodeName | None, *, is_followed: bool
) -> tuple[Sequence[Event], StateFile | None]:
    """The newest events, and the state file, still open, if it is followed.

    Without a state file there are no events; following then raises StateMissing. Raises NoGateway,
    StateError.
    """
    refuse_missing(layout)
    try:
        state = open_reader(layout.state)
    except StateMissing:
        if is_followed:
            raise
        return (), None
    if is_followed:
        return state.events(limit=limit, node=node), state
    with closing(state):
        return state.events(limit=limit, node=node), None


def event_json(event: Event) -> dict[str, Any]:
    """The documented shape of an event; `at` is Unix seconds."""
    row = {**event_row(event), "kind": event.kind.value}
    del row["act"]  # a detail of how it is stored
    return {"id": event.id, **row}


def event_line(event: Event) -> str:
    where = f"{event.node}{f':{event.port}' if event.port else ''}" if event.node else "-"
    return f"{clock(event.at)}  {event.kind:<11}  {where:<20}  {event.actor}: {event.text}"


def followed(state: StateFile, events: Sequence[Event], node: NodeName | None) -> Iterator[Event]:
    """These events, then each new one, without end; also those in a file that replaces this one."""
    inode = inode_of(state.path)
    yield from events
    after = max((event.id for event in events), default=0)
    while True:
        yield from until_replaced(state, inode, after, node)
        inode, state, after = *reopened(state.path), 0


def until_replaced(
    state: StateFile, inode: int | None, after: int, node: NodeName | None
) -> Iterator[Event]:
    """Each new event, until another file has the path of this one."""
    token = -1  # older than any: do not miss what came before the first look
    with closing(state):
        while inode is not None and inode_of(state.path) == inode:
            if state.changed_token() == token:
                time.sleep(FOLLOW_EVERY_S)
                continue
            token = state.changed_token()
            for event in state.events(after=after, limit=1000, node=node):
                after = max(after, event.id)
                yield event


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
