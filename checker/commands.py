"""The verbs of `reversi-checker` that run a gateway, read it, and act on it."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.cli import ExitCode
from checker.config import ConfigError, Layout, load_config, refuse_missing
from checker.control import Aim, Control, Outcome, Verb, outcome_json
from checker.last_good import read_known
from checker.model import (
    Event,
    Forward,
    InvalidValue,
    NodeName,
    Status,
    Tunnel,
    is_stale,
    joined,
    parse_port,
    tunnel_json,
)
from checker.output import NotPrinted, say
from checker.registry import Registry
from checker.sharing.unregistered import Seen as Stranger
from checker.sharing.unregistered import aims_at, unregistered_json, unregistered_seen
from checker.store import StateError, StateFile, StateMissing, Sweep, event_row, open_reader
from checker.table import age, aligned, clock, today

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it

log = logging.getLogger(__name__)
FOLLOW_EVERY_S = 0.3


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    up = verbs.add_parser(
        "up",
        help="a private sshd and the daemon, in the foreground",
        formatter_class=raw,
        epilog="example: reversi-checker --home ~/gateway up --ssh-port 2222",
    )
    up.add_argument(
        "--ssh-port",
        type=int,
        default=2222,
        metavar="N",
        help="where its sshd listens (default 2222; 0: any free one)",
    )
    up.add_argument(
        "--listen",
        default="127.0.0.1",
        metavar="ADDR",
        help="the address that it listens on (default 127.0.0.1)",
    )
    up.set_defaults(command=cmd_up)
    serve = verbs.add_parser(
        "serve",
        help="the daemon alone, beside an sshd that runs already",
        formatter_class=raw,
        epilog="example: reversi-checker --home ~/gateway serve",
    )
    serve.set_defaults(command=cmd_serve)
    status = verbs.add_parser(
        "status",
        help="every forward and what was last seen of it",
        formatter_class=raw,
        epilog=(
            "example: reversi-checker status --json office\n"
            "exit code 1: some forward shown is not up, or stale, or a node's file is broken"
        ),
    )
    status.add_argument("node", nargs="*", help="only these nodes")
    status.add_argument("--json", action="store_true", help="one JSON document")
    status.set_defaults(command=cmd_status)
    for verb, text in (
        (Verb.PROBE, "probe now, and act on what is seen"),
        (Verb.KILL, "end the sshd process that holds the port"),
        (Verb.RESET, "kill, and begin with a clean slate: no strikes, no flaps"),
    ):
        add_action(verbs, verb, text)
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


def add_action(verbs: Verbs, verb: Verb, text: str) -> None:
    action = verbs.add_parser(
        verb.value,
        help=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=(
            f"example: reversi-checker {verb} office\n         reversi-checker {verb} office:20010"
            " 20011"
        ),
    )
    action.add_argument("target", nargs="+", metavar="NODE|NODE:PORT|PORT", help="which forwards")
    action.add_argument("--json", action="store_true", help="one JSON document")
    if verb is not Verb.PROBE:
        action.add_argument(
            "--yes", action="store_true", help="do not ask (without a terminal it never asks)"
        )
        action.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and do nothing"
        )
    action.set_defaults(command=cmd_act, verb=verb)


def announce(line: str) -> None:
    """Say it; who can not be told loses no gateway."""
    try:
        say(line)
    except (NotPrinted, BrokenPipeError) as error:
        log.warning("%s; not said: %s", error, line)


def cmd_up(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.host import up

    if not 0 <= args.ssh_port < 65536:
        raise InvalidValue(
            f"--ssh-port {args.ssh_port} is not a port; write a number from 1 to 65535, or 0 for"
            " any free one"
        )
    asyncio.run(up(layout, listen=args.listen, port=args.ssh_port, say=announce))
    return ExitCode.OK


def cmd_serve(args: argparse.Namespace, layout: Layout) -> ExitCode:  # noqa: ARG001 - all commands are called alike
    from checker.host import serve

    asyncio.run(serve(layout, announce))
    return ExitCode.OK


def registry_of(layout: Layout) -> Registry:
    """The registry; what of it can not be read is told on stderr. Raises ConfigError."""
    registry = read_known(layout)
    for problem in (*registry.problems, *filter(None, [registry.freed_trouble])):
        print(f"reversi-checker: warning: {problem}", file=sys.stderr)
    return registry


def registry_there(layout: Layout) -> Registry:
    """The same, for those who only read: a gateway that is not there, or lost its registry, is told
    of. Raises NoGateway, ConfigError.
    """
    refuse_missing(layout)
    if layout.state.exists() and not layout.nodes.exists():
        raise ConfigError(
            layout.nodes,
            "is gone, though this gateway ran before; bring the nodes' files back, or make an empty"
            " directory",
        )
    return registry_of(layout)


def what_was_seen(layout: Layout) -> tuple[tuple[Tunnel, ...], Sweep | None]:
    """All tunnels of the state file, and its last sweep; nothing where there is no file yet. Raises
    StateError.
    """
    try:
        state = open_reader(layout.state)
    except StateMissing as missing:
        print(f"reversi-checker: warning: {missing}", file=sys.stderr)
        return (), None
    try:
        return state.tunnels(), state.last_sweep()
    finally:
        state.close()


def cmd_status(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = registry_there(layout)
    strangers = [
        one
        for one in unregistered_seen(layout, registry)
        if not args.node or one[0].node in args.node
    ]
    names = {one.node for one, _ in strangers}
    broken = [one for one in registry.broken_files if not args.node or one.name in args.node]
    names |= {one.name for one in broken if one.name not in registry.nodes}
    chosen = (
        [registry.node(name).name for name in args.node if name not in names]
        if args.node
        else list(registry.nodes)
    )
    seen, swept = what_was_seen(layout)
    rows = [
        (forward, tunnel)
        for forward, tunnel in joined(registry.forwards, seen)
        if forward.node in chosen
    ]
    every_s = swept.every_s if swept else load_config(layout.config).policy.probe_every_s
    if args.json:
        document = {
            "schema": 1,
            "now": time.time(),
            "swept_at": swept.swept_at if swept else None,
            "probe_every_s": every_s,
        }
        shown = {
            "tunnels": [tunnel_json(forward, tunnel) for forward, tunnel in rows],
            "unregistered": unregistered_json(strangers),
        }
        shown["broken"] = [one.as_json() for one in broken]
        say(json.dumps({**document, **shown}, indent=2))
    else:
        lines = [status_row(forward, tunnel, every_s, time.time()) for forward, tunnel in rows]
        unknown = [
            status_row(one.forward, tunnel, every_s, time.time()) for one, tunnel in strangers
        ]
        faulty = [
            (one.name, "-", "-", Status.BROKEN.value, *("-",) * 5, one.sentence) for one in broken
        ]
        say(
            aligned(
                [
                    HEADINGS,
                    *faulty,
                    *lines,
                    *([*line[:2], "unregistered", *line[3:]] for line in unknown),
                ]
            )
        )
    # who is out on purpose is no trouble
    awaited = [row for row in rows if not registry.nodes[row[0].node].barred(today())]
    is_well = not broken and all(
        is_known_up(tunnel, every_s) for _, tunnel in (*awaited, *strangers)
    )
    return ExitCode.OK if is_well else ExitCode.NOT_UP


def is_known_up(tunnel: Tunnel, every_s: float) -> bool:
    """Whether it was seen up, and lately."""
    return tunnel.status is Status.UP and not is_stale(tunnel, every_s, time.time())


HEADINGS = (
    "NODE",
    "PORT",
    "TARGET",
    "STATUS",
    "PROBED",
    "LATENCY",
    "PID",
    "PEER",
    "SINCE",
    "DETAIL",
)


def status_row(forward: Forward, tunnel: Tunnel, every_s: float, now: float) -> Sequence[str]:
    """The cells of one forward."""
    stale = " (stale)" if is_stale(tunnel, every_s, now) else ""
    return (
        forward.node,
        str(forward.port),
        str(forward.target),
        f"{tunnel.status}{stale}",
        age(tunnel.probed_at, now),
        "-" if tunnel.latency_ms is None else f"{tunnel.latency_ms:.0f} ms",
        "-" if tunnel.session is None else str(tunnel.session.pid),
        tunnel.peer or "-",
        age(tunnel.since, now),
        tunnel.detail,
    )


def aims_for(registry: Registry, word: str) -> list[Aim]:
    """The forwards that a word names: a node's all, or one by port. Raises CheckerError."""
    name, colon, port = word.rpartition(":")
    if not colon and word not in registry.nodes and word.isdigit():
        owner = registry.owner(parse_port(word))
        if owner is None:
            raise InvalidValue(f"port {word} belongs to no node; see: reversi-checker node list")
        name, port = owner.name, word
    node = registry.node(name or word)
    found = [
        Aim(node=node.name, port=forward.port)
        for forward in node.forwards
        if not name or port in map(str, forward.ports)
    ]
    if not found:
        raise InvalidValue(
            f"node {node.name} has no port {port}; see: reversi-checker node show {node.name}"
        )
    return found


def cmd_act(args: argparse.Namespace, layout: Layout) -> ExitCode:
    verb: Verb = args.verb
    registry = registry_there(layout)
    strangers = strangers_for_acts(layout, registry)
    aims = [
        aim for word in args.target for aim in aims_at(strangers, word) or aims_for(registry, word)
    ]
    if verb is not Verb.PROBE and (args.dry_run or not confirmed(args, verb, aims)):
        outcomes = [
            Outcome(node=aim.node, port=aim.port, done=False, sentence=f"would {verb}")
            for aim in aims
        ]
        tell_outcomes(args, verb, outcomes)
        return ExitCode.OK
    done = Control(layout=layout).act(verb, aims)
    tell_outcomes(args, verb, done)
    is_broken = verb is Verb.PROBE and any(aim.node in registry.broken for aim in aims)
    return ExitCode.NOT_UP if is_broken else act_code(verb, done)


def strangers_for_acts(layout: Layout, registry: Registry) -> tuple[Stranger, ...]:
    """The unregistered devices; a state file that can not be read keeps nobody from acting on what
    is registered.
    """
    try:
        return unregistered_seen(layout, registry)
    except StateError as error:
        print(f"reversi-checker: warning: {error}", file=sys.stderr)
        return ()


def tell_outcomes(args: argparse.Namespace, verb: Verb, outcomes: Sequence[Outcome]) -> None:
    if args.json:
        say(
            json.dumps(
                {
                    "schema": 1,
                    "verb": verb.value,
                    "outcomes": [outcome_json(outcome) for outcome in outcomes],
                },
                indent=2,
            )
        )
    else:
        for outcome in outcomes:
            say(f"{outcome.node}:{outcome.port}: {outcome.sentence}")


def act_code(verb: Verb, outcomes: Sequence[Outcome]) -> ExitCode:
    """0 where it was done; a probe is judged by what it saw."""
    if verb is Verb.PROBE:  # what else is known of an up forward stands behind a colon
        return (
            ExitCode.OK
            if all(outcome.sentence.partition(":")[0] == Status.UP for outcome in outcomes)
            else ExitCode.NOT_UP
        )
    return ExitCode.OK if any(outcome.done for outcome in outcomes) else ExitCode.NOT_UP


def confirmed(args: argparse.Namespace, verb: Verb, aims: Sequence[Aim]) -> bool:
    """Whether to go on with this verb."""
    return agreed(args, f"{verb} {', '.join(f'{aim.node}:{aim.port}' for aim in aims)}")


def agreed(args: argparse.Namespace, what: str) -> bool:
    """Whether to go on: asked at a terminal, unless `--yes`."""
    if args.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print(f"{what}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def event_json(event: Event) -> dict[str, Any]:
    """The documented shape of an event; `at` is Unix seconds."""
    return {"id": event.id, **event_row(event)}


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
