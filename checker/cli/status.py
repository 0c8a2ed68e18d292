"""The verbs of `reversi-checker` that run a gateway, read it, and act on it."""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence

from checker.cli.common import Verbs, registry_there, unregistered_json, what_was_seen
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.unregistered import unregistered_seen
from checker.model import Forward, Status, Tunnel, is_stale, joined, tunnel_json
from checker.output import age, aligned, say, today

log = logging.getLogger(__name__)


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    raw = argparse.RawDescriptionHelpFormatter
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
