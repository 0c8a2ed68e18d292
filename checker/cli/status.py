"""The verb `status`: every forward with what was last seen of it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from checker.cli.answers import about_node, say_json, unregistered_json
from checker.cli.applicant_lines import waiting_sentence
from checker.cli.common import existing_registry, seen_tunnels
from checker.cli.dialog import narrate
from checker.cli.exit_codes import ExitCode
from checker.cli.selection import add_filter, refuse_both, rows_to_show
from checker.cli.verbs import Verbs, add_here, add_json, add_verb
from checker.config.layout import Layout, has_mirrors
from checker.config.settings import load_config
from checker.control.applicant_list import waiting
from checker.control.draining import draining_sentence
from checker.control.unregistered import UnregisteredTunnel, unregistered_tunnels
from checker.model import (
    Forward,
    Node,
    NodeName,
    Status,
    Tunnel,
    by_place,
    is_stale,
    joined,
    seen_at,
    tunnel_json,
)
from checker.model.drain import Drain
from checker.output import age, aligned, say, today
from checker.registry.kept_rights import BrokenFile
from checker.registry.nodes import Registry
from checker.rows.cells import where_text
from checker.rows.row import NO_PORT, Key, Whereabouts
from checker.state.drain_file import read_drain

if TYPE_CHECKING:
    from checker.rows.gateways import GatewayView

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
    add_here(status)
    add_json(status)
    status.set_defaults(command=cmd_status)


def cmd_status(args: argparse.Namespace, layout: Layout) -> ExitCode:
    refuse_both(args, args.node, "NODE")
    registry = existing_registry(layout)
    shown = gathered(layout, registry, args.node, only_here=args.here)
    if args.filter is not None:
        rows = rows_to_show(layout, registry, args.filter, only_here=args.here)
        shown = of_rows(shown, {row.key for row in rows})
    if args.json:
        say_json(**status_json(shown))
    else:
        say(aligned([headings(shown), *status_rows(shown)]))
        for sentence in filter(None, (one.sentence(shown.now) for one in shown.gateways)):
            narrate(sentence)
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
    gateways: tuple[GatewayView, ...] = ()
    """Those of the fleet, this one first; empty: only what this one saw is shown."""
    where: Mapping[Key, Whereabouts] = field(default_factory=dict)

    def is_stale(self, tunnel: Tunnel) -> bool:
        """Whether its status is too old to be trusted, or from a gateway that is unreachable."""
        where = self.where.get((tunnel.node, tunnel.port))
        is_cut_off = where is not None and where.is_cut_off
        return is_cut_off or is_stale(tunnel, self.every_s, self.now)


def gathered(
    layout: Layout, registry: Registry, nodes: Collection[str], *, only_here: bool = False
) -> Shown:
    """Everything about these nodes, or about all if none is named; `only_here`: without what other
    gateways of the fleet saw. Raises UnknownNode, StateError.
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
    shown = Shown(
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
    if only_here or not has_mirrors(layout):
        return shown
    found = everywhere(layout, shown, seen)
    strangers = [one for one in found.unregistered if not nodes or one[0].node in nodes]
    return replace(found, unregistered=tuple(strangers))


def everywhere(layout: Layout, shown: Shown, here: Collection[Tunnel]) -> Shown:
    """The same forwards, as all gateways of the fleet saw them, and the unregistered devices of
    all. Raises ConfigError.
    """
    from checker.control.fleet_rows import seen_everywhere  # only a fleet needs it

    found = seen_everywhere(layout, by_place(here), shown.every_s, shown.now)
    if found is None:
        return shown
    ports = {forward.port for node in shown.nodes.values() for forward in node.forwards}
    strangers = (
        (one, seen_at((one.node, one.port), found.tunnels))
        for one in found.unregistered
        if one.node not in shown.nodes and one.port not in ports
    )
    return replace(
        shown,
        tunnels=tuple(
            (forward, seen_at((forward.node, forward.port), found.tunnels))
            for forward, _ in shown.tunnels
        ),
        unregistered=(*shown.unregistered, *strangers),
        gateways=found.gateways,
        where=found.where,
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
        tunnel.status is Status.UP and not shown.is_stale(tunnel)
        for tunnel in (*awaited, *(tunnel for _, tunnel in shown.unregistered))
    )


def status_json(shown: Shown) -> dict[str, Any]:
    """The documented shape, without its schema."""
    return {
        "now": shown.now,
        "swept_at": shown.swept_at,
        "probe_every_s": shown.every_s,
        "tunnels": [
            {
                **tunnel_json(forward, tunnel),
                **about_node(shown.nodes[forward.node]),
                **where_json(shown, forward),
            }
            for forward, tunnel in shown.tunnels
        ],
        "unregistered": unregistered_json(shown.unregistered),
        "broken": [one.as_json() for one in shown.broken],
        "pending": shown.waiting,
        "draining": None if shown.drain is None else {"at": shown.drain.at, "by": shown.drain.by},
        **({"gateways": gateways_json(shown)} if shown.gateways else {}),
    }


def where_json(shown: Shown, forward: Forward) -> dict[str, Any]:
    """Which gateways have it; without a fleet, nothing."""
    where = shown.where.get((forward.node, forward.port))
    return {} if where is None else {"gateway": where.gateway, "also": list(where.also)}


def gateways_json(shown: Shown) -> list[dict[str, Any]]:
    return [one.as_json(shown.now) for one in shown.gateways]


def headings(shown: Shown) -> Sequence[str]:
    return (*HEADINGS[:-1], "GATEWAY", HEADINGS[-1]) if shown.gateways else HEADINGS


def status_rows(shown: Shown) -> list[Sequence[str]]:
    """The cells of all rows: broken files, registered forwards, unregistered devices."""
    nowhere = ("-",) * (6 if shown.gateways else 5)
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
    stale = " (stale)" if shown.is_stale(tunnel) else ""
    where = shown.where.get((forward.node, forward.port))
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
        *((where_text(where) if where else "-",) if shown.gateways else ()),
        tunnel.detail,
    )
