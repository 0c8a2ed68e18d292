"""The verb `status`: every forward with what was last seen of it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from checker.cli.answers import about_node, say_json, unregistered_json
from checker.cli.applicant_lines import waiting_sentence
from checker.cli.common import existing_registry, seen_tunnels
from checker.cli.dialog import narrate
from checker.cli.exit_codes import ExitCode
from checker.cli.selection import add_filter, refuse_both, rows_to_show
from checker.cli.verbs import Verbs, add_json, add_verb
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.applicant_list import waiting
from checker.control.draining import draining_sentence
from checker.control.unregistered import UnregisteredTunnel, unregistered_tunnels
from checker.model import Forward, Node, NodeName, Status, Tunnel, is_stale, joined, tunnel_json
from checker.model.drain import Drain
from checker.output import age, aligned, say, today
from checker.registry.kept_rights import BrokenFile
from checker.registry.nodes import Registry
from checker.rows.row import NO_PORT, Key
from checker.state.drain_file import read_drain

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


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    status = add_verb(
        verbs,
        "status",
        "show every forward and what was last seen of it",
        "reversi-checker status --json office",
        "reversi-checker status --filter 'tag:site-a is:fault'",
        ending="Exit status 1: a forward shown is not up, or stale, or a node's file is broken.",
    )
    status.add_argument("node", metavar="NODE", nargs="*", help="only these nodes")
    add_filter(status)
    add_json(status)
    status.set_defaults(command=cmd_status)


def cmd_status(args: argparse.Namespace, layout: Layout) -> ExitCode:
    refuse_both(args, args.node, "NODE")
    registry = existing_registry(layout)
    shown = gathered(layout, registry, args.node)
    if args.filter is not None:
        shown = of_rows(shown, {row.key for row in rows_to_show(layout, registry, args.filter)})
    if args.json:
        say_json(**status_json(shown))
    else:
        say(aligned([HEADINGS, *status_rows(shown)]))
        if shown.waiting and not args.node and args.filter is None:
            narrate(f"{waiting_sentence(shown.waiting)}: reversi-checker node pending")
        if shown.drain is not None:
            narrate(draining_sentence(shown.drain))
    return ExitCode.OK if is_well(shown, registry, today()) else ExitCode.NOT_UP


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What `status` shows."""

    now: float
    swept_at: float | None
    """None: no daemon has swept yet."""
    every_s: float
    """Between two sweeps."""
    tunnels: tuple[tuple[Forward, Tunnel], ...]
    unregistered: tuple[UnregisteredTunnel, ...]
    broken: tuple[BrokenFile, ...]
    nodes: Mapping[NodeName, Node]
    waiting: int
    """How many devices wait to be accepted."""
    drain: Drain | None
    """None: the gateway does not drain."""


def gathered(layout: Layout, registry: Registry, nodes: Collection[str]) -> Shown:
    """Everything about these nodes, or about all if none is named. Raises UnknownNode,
    StateError.
    """
    unregistered = tuple(
        one for one in unregistered_tunnels(layout, registry) if not nodes or one[0].node in nodes
    )
    broken = tuple(one for one in registry.broken_files if not nodes or one.name in nodes)
    elsewhere = {one.node for one, _ in unregistered} | {
        one.name for one in broken if one.name not in registry.nodes
    }
    chosen = {registry.node(name).name for name in nodes if name not in elsewhere}
    seen, swept = seen_tunnels(layout)
    return Shown(
        now=time.time(),
        swept_at=swept.swept_at if swept else None,
        every_s=swept.every_s if swept else load_config(layout.config).policy.probe_every_s,
        tunnels=tuple(
            (forward, tunnel)
            for forward, tunnel in sorted(joined(registry.forwards, seen), key=node_of)
            if not nodes or forward.node in chosen
        ),
        unregistered=unregistered,
        broken=broken,
        nodes=registry.nodes,
        waiting=len(waiting(layout)),
        drain=read_drain(layout.drain).drain,
    )


def of_rows(shown: Shown, keys: Collection[Key]) -> Shown:
    """Only what these rows are about."""
    return replace(
        shown,
        tunnels=tuple(one for one in shown.tunnels if (one[0].node, one[0].port) in keys),
        unregistered=tuple(one for one in shown.unregistered if (one[0].node, one[0].port) in keys),
        broken=tuple(one for one in shown.broken if (one.name, NO_PORT) in keys),
    )


def is_well(shown: Shown, registry: Registry, day: str) -> bool:
    """Whether all that should be up is up, and was seen lately.

    A node that is disabled or expired on this day (YYYY-MM-DD) is down on purpose.
    """
    awaited = [
        tunnel for forward, tunnel in shown.tunnels if not registry.nodes[forward.node].barred(day)
    ]
    return not shown.broken and all(
        tunnel.status is Status.UP and not is_stale(tunnel, shown.every_s, shown.now)
        for tunnel in (*awaited, *(tunnel for _, tunnel in shown.unregistered))
    )


def status_json(shown: Shown) -> dict[str, Any]:
    """The documented shape, without its schema."""
    return {
        "now": shown.now,
        "swept_at": shown.swept_at,
        "probe_every_s": shown.every_s,
        "tunnels": [
            {**tunnel_json(forward, tunnel), **about_node(shown.nodes[forward.node])}
            for forward, tunnel in shown.tunnels
        ],
        "unregistered": unregistered_json(shown.unregistered),
        "broken": [one.as_json() for one in shown.broken],
        "pending": shown.waiting,
        "draining": None if shown.drain is None else {"at": shown.drain.at, "by": shown.drain.by},
    }


def status_rows(shown: Shown) -> list[Sequence[str]]:
    """The cells of all rows: broken files, registered forwards, unregistered devices."""
    nowhere = ("-",) * 5
    broken = [
        (one.name, "-", "-", str(Status.BROKEN), *nowhere, one.sentence) for one in shown.broken
    ]
    tunnels = [forward_row(forward, tunnel, shown) for forward, tunnel in shown.tunnels]
    unregistered = [
        (*row[:2], "unregistered", *row[3:])
        for row in (forward_row(one.forward, tunnel, shown) for one, tunnel in shown.unregistered)
    ]
    return [*broken, *tunnels, *unregistered]


def node_of(seen: tuple[Forward, Tunnel]) -> NodeName:
    """Whose forward it is. In the order of files, mast-2 would come before mast."""
    return seen[0].node


def forward_row(forward: Forward, tunnel: Tunnel, shown: Shown) -> tuple[str, ...]:
    """The cells of one forward."""
    stale = " (stale)" if is_stale(tunnel, shown.every_s, shown.now) else ""
    return (
        forward.node,
        str(forward.port),
        str(forward.target),
        f"{tunnel.status}{stale}",
        age(tunnel.probed_at, shown.now),
        "-" if tunnel.latency_ms is None else f"{tunnel.latency_ms:.0f} ms",
        "-" if tunnel.session is None else str(tunnel.session.pid),
        tunnel.peer or "-",
        age(tunnel.since, shown.now),
        tunnel.detail,
    )
