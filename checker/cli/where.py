"""The verbs `where` and `connect`: which gateway holds a node now, and a connection through it."""

from __future__ import annotations

import argparse
import time
from typing import Any

from checker.cli.answers import say_json
from checker.cli.dialog import narrate
from checker.cli.exit_codes import ExitCode
from checker.cli.nodes_for_ssh import quick_registry
from checker.cli.seen import SeenByAll, seen_by_all
from checker.cli.verbs import Verbs, add_json, add_verb
from checker.config.layout import Layout
from checker.model import CheckerError, Forward, InvalidValue, Node, NodeName, ssh_forwards
from checker.model.tunnel import is_held
from checker.output import age, aligned, say
from checker.registry.nodes import Registry
from checker.rows.cells import where_text
from checker.rows.row import Whereabouts

HEADINGS = ("NODE", "PORT", "GATEWAY", "STATUS", "SINCE", "PEER")
HERE = "this one"
"""The gateway, if it is in no fleet."""


class Nowhere(CheckerError):
    """No gateway holds the forward."""


def add_to(verbs: Verbs) -> None:
    """Declare the verbs."""
    where = add_verb(
        verbs,
        "where",
        "show which gateway of the fleet holds a node now",
        "reversi-checker where barn",
        ending="Exit status 1: no gateway holds one of its forwards.",
    )
    where.add_argument("node", metavar="NODE", nargs="+")
    add_json(where)
    where.set_defaults(command=cmd_where)
    connect = add_verb(
        verbs,
        "connect",
        "connect standard input and output to a node, through the gateway that holds it",
        "reversi-checker connect barn:20011",
        ending=(
            "It is the ProxyCommand that ssh-config writes for the nodes of a fleet. To another"
            " gateway it logs\nin with ssh, and knows it only by the host keys of its card."
        ),
    )
    connect.add_argument(
        "target", metavar="NODE[:PORT]", help="without a port: its first SSH server"
    )
    connect.add_argument("--prefix", default="", metavar="P", help="what ssh-config put before it")
    connect.add_argument(
        "--login", default="", metavar="USER", help="the account on the other gateway"
    )
    connect.add_argument(
        "--ssh", default="ssh", metavar="COMMAND", help="how to run ssh to the other gateway"
    )
    connect.set_defaults(command=cmd_connect)


def cmd_where(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry, now = quick_registry(layout), time.time()
    seen = seen_by_all(layout, now)
    forwards = [one for name in args.node for one in registry.node(name).forwards]
    if args.json:
        say_json(forwards=[forward_json(one, seen, now) for one in forwards])
    else:
        say(aligned([HEADINGS, *(cells(one, seen, now) for one in forwards)]))
        for sentence in filter(None, (one.sentence(now) for one in seen.gateways)):
            narrate(sentence)
    held = all(is_held_now(one, seen) for one in forwards)
    return ExitCode.OK if held else ExitCode.NOT_UP


def is_held_now(forward: Forward, seen: SeenByAll) -> bool:
    tunnel = seen.at(forward.node, forward.port)
    return is_held(tunnel) and not seen.is_stale(tunnel, time.time())


def cells(forward: Forward, seen: SeenByAll, now: float) -> tuple[str, ...]:
    tunnel = seen.at(forward.node, forward.port)
    where = seen.where_is(tunnel)
    return (
        forward.node,
        str(forward.port),
        HERE if not seen.gateways else place_text(where) if where else "-",
        f"{tunnel.status}{' (stale)' if seen.is_stale(tunnel, now) else ''}",
        age(tunnel.since, now),
        tunnel.peer or "-",
    )


def place_text(where: Whereabouts) -> str:
    """The gateways that hold it, and what is missing."""
    return f"{where_text(where)} ({where.half})" if where.half else where_text(where)


def forward_json(forward: Forward, seen: SeenByAll, now: float) -> dict[str, Any]:
    tunnel = seen.at(forward.node, forward.port)
    where = seen.where_is(tunnel)
    return {
        "node": forward.node,
        "port": forward.port,
        "gateway": where.gateway if where else None,
        "also": list(where.also) if where else [],
        "lacks": where.lacks if where else "",
        "status": tunnel.status.value,
        "stale": seen.is_stale(tunnel, now),
        "since": tunnel.since,
        "peer": tunnel.peer,
    }


def cmd_connect(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.fleet.reach import reach

    forward = forward_named(quick_registry(layout), args.target.removeprefix(args.prefix))
    now = time.time()
    seen = seen_by_all(layout, now)
    tunnel = seen.at(forward.node, forward.port)
    where = seen.where_is(tunnel)
    if where is not None and not is_held_now(forward, seen):
        if not where.is_cut_off:
            last = f"{tunnel.status}, seen last by {where.gateway}"
            raise Nowhere(f"no gateway holds {forward.node} port {forward.port} ({last})")
        narrate(f"{where.gateway} is unreachable from here, and held it last: trying it")
    gateway = where.gateway if where is not None and where.is_elsewhere else ""
    is_well = reach(layout, gateway, forward.port, login=args.login, ssh=args.ssh)
    if gateway and not is_well:
        narrate(
            f"ssh to gateway {gateway} failed; if that refused your login, --login USER names"
            " another account there, and --ssh 'ssh -i KEY' another key"
        )
    return ExitCode.OK if is_well else ExitCode.UNREACHABLE


def forward_named(registry: Registry, text: str) -> Forward:
    """The forward that NODE, NODE:PORT, or NODE.PORT as in `ssh-config`, names. Raises
    CheckerError.
    """
    if text in registry.nodes:
        return first_server(registry.nodes[NodeName(text)])
    name, _, port = text.rpartition(":") if ":" in text else text.rpartition(".")
    node = registry.node(name if name in registry.nodes else text)
    found = next((one for one in node.forwards if port in map(str, one.ports)), None)
    if found is None:
        raise InvalidValue(
            f"node {node.name} has no port {port}; see: reversi-checker node show {node.name}"
        )
    return found


def first_server(node: Node) -> Forward:
    """Raises InvalidValue."""
    only = node.forwards if len(node.forwards) == 1 else ()
    found: tuple[Forward, ...] = (*ssh_forwards(node.forwards), *only)
    if not found:
        raise InvalidValue(
            f"no forward of node {node.name} leads to an SSH server; name one, as in"
            f" {node.name}:PORT"
        )
    return found[0]
