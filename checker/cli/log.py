"""The verb `log`: past events, and new ones as they come."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from checker.cli.common import Verbs
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout, refuse_missing
from checker.model import Event, InvalidValue, NodeName
from checker.output import clock, say
from checker.state.errors import StateMissing
from checker.state.rows import event_row
from checker.state.store import StateFile, open_reader

FOLLOW_EVERY_S = 0.3


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    log = verbs.add_parser(
        "log",
        help="what happened: changes, kills, refusals",
        formatter_class=raw,
        epilog="example: reversi-checker log --node office --follow",
    )
    log.add_argument("--node", help="only this node's")
    log.add_argument(
        "--limit", type=int, default=100, metavar="N", help="the newest N (default 100)"
    )
    log.add_argument(
        "--follow", action="store_true", help="go on with what comes, until interrupted"
    )
    log.add_argument(
        "--json", action="store_true", help="one JSON document; with --follow one an event"
    )
    log.set_defaults(command=cmd_log)


def event_json(event: Event) -> dict[str, Any]:
    """The documented shape of an event; `at` is Unix seconds."""
    row = {**event_row(event), "kind": event.kind.value}
    del row["act"]  # a detail of how it is stored
    return {"id": event.id, **row}


def event_line(event: Event) -> str:
    where = f"{event.node}{f':{event.port}' if event.port else ''}" if event.node else "-"
    return f"{clock(event.at)}  {event.kind:<11}  {where:<20}  {event.actor}: {event.text}"


def cmd_log(args: argparse.Namespace, layout: Layout) -> ExitCode:
    if args.limit < 1:
        raise InvalidValue(f"--limit {args.limit} is not a count; write a number from 1")
    refuse_missing(layout)
    try:
        state = open_reader(layout.state)
    except StateMissing:
        if args.follow:
            raise
        say(
            json.dumps({"schema": 1, "events": []}) if args.json else "",
            end="\n" if args.json else "",
        )
        return ExitCode.OK
    with closing(state):
        events = state.events(limit=args.limit, node=NodeName(args.node) if args.node else None)
        if args.json and not args.follow:
            say(
                json.dumps(
                    {"schema": 1, "events": [event_json(event) for event in events]}, indent=2
                )
            )
            return ExitCode.OK
        for event in events if not args.follow else followed(state, events, args.node):
            say(
                json.dumps({"schema": 1, "event": event_json(event)})
                if args.json
                else event_line(event)
            )
        return ExitCode.OK


def followed(state: StateFile, events: Sequence[Event], node: str | None) -> Iterator[Event]:
    """These events, and then each new one, for ever; also those of a file that takes this one's
    place.
    """
    inode = inode_of(state.path)
    yield from events
    after = max((event.id for event in events), default=0)
    while True:
        yield from until_replaced(state, inode, after, node)
        inode, state, after = *reopened(state.path), 0


def until_replaced(
    state: StateFile, inode: int | None, after: int, node: str | None
) -> Iterator[Event]:
    """Each new event, until another file is in the place of this one."""
    token = -1  # older than any: what came before the first look is not missed
    with closing(state):
        while inode is not None and inode_of(state.path) == inode:
            if state.changed_token() == token:
                time.sleep(FOLLOW_EVERY_S)
                continue
            token = state.changed_token()
            for event in state.events(
                after=after, limit=1000, node=NodeName(node) if node else None
            ):
                after = max(after, event.id)
                yield event


def inode_of(path: Path) -> int | None:
    """Which file has that name now; None for none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def reopened(path: Path) -> tuple[int | None, StateFile]:
    """The state file, once the daemon has begun a new one, and which file that is."""
    while True:
        try:
            return inode_of(path), open_reader(path)
        except StateMissing:
            time.sleep(FOLLOW_EVERY_S)
