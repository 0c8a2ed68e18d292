"""The verbs `publish` and `unpublish`: public ports of forwards, through HAProxy."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from checker.cli.common import aims_for, registry_of
from checker.cli.dialog import ask, show_note, warn, would
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_dry_run, add_verb, add_yes
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.node_changes import ChangedMeanwhile
from checker.control.notices import notify
from checker.control.publishing import planned_publication
from checker.haproxy.program import Proxy, is_installed, proxy_of
from checker.haproxy.publish import (
    begin,
    change,
    follow,
    unserved,
    wanted_file,
)
from checker.model import Forward, InvalidValue, Node, Publication, parse_port
from checker.output import say
from checker.registry.edits import with_forward
from checker.registry.lock import locked
from checker.registry.nodes import Registry
from checker.registry.publications import parse_sni

WHICH = "which forward; NODE is enough if it has only one"


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    add_publish(verbs)
    add_unpublish(verbs)


def add_publish(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "publish",
        "give a forward a public port, through HAProxy",
        "reversi-checker publish mail:20025 --port 25 --send-proxy",
        "reversi-checker publish mail:20443 --port 443 --sni mail.example.org",
        description=(
            "Have HAProxy listen on a port of all the gateway's addresses, for a forward.\nWithout"
            " NODE:PORT: update HAProxy's file from the registry, as after an edit by hand."
        ),
    )
    parser.add_argument("forward", nargs="?", metavar="NODE:PORT", help=WHICH)
    parser.add_argument("--port", metavar="PORT", help="the public port of the gateway")
    parser.add_argument(
        "--sni",
        metavar="NAME",
        help="take only TLS visitors who ask for this name; without it, all whom no name takes",
    )
    parser.add_argument(
        "--send-proxy",
        action="store_true",
        help="send the target the visitor's address in a PROXY line, which it must understand",
    )
    add_dry_run(parser, "print the file that HAProxy would get, and do nothing")
    parser.set_defaults(command=cmd_publish)


def add_unpublish(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "unpublish",
        "take public ports away again",
        "reversi-checker unpublish mail:20025",
        "reversi-checker unpublish mail:20443 --port 443",
    )
    parser.add_argument("forward", metavar="NODE:PORT", help=WHICH)
    parser.add_argument("--port", metavar="PORT", help="only this public port")
    parser.add_argument("--sni", metavar="NAME", help="only this name")
    add_yes(parser)
    add_dry_run(parser)
    parser.set_defaults(command=cmd_unpublish)


def one_forward(registry: Registry, word: str) -> tuple[Node, Forward]:
    """The one forward that a word names, and its node. Raises CheckerError."""
    aims = aims_for(registry, word)
    if len(aims) > 1:
        named = " or ".join(f"{aim.node}:{aim.port}" for aim in aims)
        raise InvalidValue(f"node {aims[0].node} has {len(aims)} forwards; say which: {named}")
    node = registry.node(aims[0].node)
    return node, next(forward for forward in node.forwards if aims[0].port in forward.ports)


def cmd_publish(args: argparse.Namespace, layout: Layout) -> ExitCode:
    config = load_config(layout.config)
    proxy = proxy_of(layout, config)
    if args.forward is None:
        update_file(args, layout, proxy)
    else:
        publish(args, layout, proxy, config.tunnel_uid)
    return ExitCode.OK


def publish(args: argparse.Namespace, layout: Layout, proxy: Proxy, uid: int) -> None:
    """Publish a forward; `uid` is the tunnel user's. Raises CheckerError."""
    publication = asked_publication(args)
    with locked(layout):
        registry = registry_of(layout)
        node, forward = one_forward(registry, args.forward)
        plan = planned_publication(registry, proxy, uid, forward, publication)
        after = plan.after
        if args.dry_run:
            say(plan.file, end="")
            warn_unserved(registry.with_node(after), proxy, is_dry=True)
            return
        about_proxy = change(layout, proxy, after)
    if after != node:
        clauses = [(forward.port, f"published on port {publication}")]
        notify(layout, node.name, clauses, show_note)
    already = "" if after != node else " already"
    say(f"{node.name}:{forward.port} is published on port {publication}{already}")
    if about_proxy:
        say(about_proxy)
    else:
        warn_unserved(registry, proxy)


def warn_unserved(registry: Registry, proxy: Proxy, *, is_dry: bool = False) -> None:
    """Warn if visitors do not reach what is published already; a dry run only about a missing
    HAProxy.
    """
    trouble = unserved(registry, proxy)
    if trouble and not (is_dry and is_installed()):
        warn(trouble)


def asked_publication(args: argparse.Namespace) -> Publication:
    """The publication that the options ask for. Raises InvalidValue."""
    if args.port is None:
        raise InvalidValue("publish needs --port PORT: the public port, such as 25 or 443")
    return Publication(
        port=parse_port(args.port),
        sni=parse_sni(args.sni) if args.sni is not None else "",
        send_proxy=args.send_proxy,
    )


def update_file(args: argparse.Namespace, layout: Layout, proxy: Proxy) -> None:
    """Write HAProxy's file from the registry. Raises InvalidValue, CheckerError."""
    if args.port is not None or args.sni is not None or args.send_proxy:
        raise InvalidValue(
            "publish needs NODE:PORT beside --port, --sni and --send-proxy: the forward that"
            " visitors reach"
        )
    with locked(layout):
        registry = registry_of(layout)
        if args.dry_run:
            say(wanted_file(registry, proxy), end="")
            warn_unserved(registry, proxy, is_dry=True)
            return
        is_made = begin(proxy)
        about_proxy = follow(registry, proxy)
    unchanged = (
        f"wrote {proxy.path}: nothing is published yet"
        if is_made
        else f"{proxy.path} agrees with the registry already"
    )
    say(about_proxy or unchanged)
    if not about_proxy:
        warn_unserved(registry, proxy)


def cmd_unpublish(args: argparse.Namespace, layout: Layout) -> ExitCode:
    proxy = proxy_of(layout, load_config(layout.config))
    node, forward = one_forward(registry_of(layout), args.forward)
    ends = chosen_publications(args, forward)
    ports = ", ".join(map(str, ends))
    named = f"{node.name}:{forward.port} on port {ports}"
    if args.dry_run:
        would([f"unpublish {named}"])
        return ExitCode.OK
    ask(args, "unpublish", [f"close port {port} to visitors of {node.name}" for port in ends])
    with locked(layout):
        if registry_of(layout).nodes.get(node.name) != node:
            raise ChangedMeanwhile(node.name)
        about_proxy = change(layout, proxy, without(node, forward, ends))
    notify(layout, node.name, [(forward.port, f"unpublished on port {ports}")], show_note)
    say(f"unpublished {named}")
    if about_proxy:
        say(about_proxy)
    return ExitCode.OK


def chosen_publications(args: argparse.Namespace, forward: Forward) -> list[Publication]:
    """The forward's publications that the options name, at least one. Raises InvalidValue."""
    port = None if args.port is None else parse_port(args.port)
    sni = None if args.sni is None else parse_sni(args.sni)
    found = [
        one for one in forward.published if port in (None, one.port) and sni in (None, one.sni)
    ]
    if not found:
        raise InvalidValue(
            f"{forward.node}:{forward.port} is not published so; see: reversi-checker node show"
            f" {forward.node}"
        )
    return found


def without(node: Node, forward: Forward, ends: Sequence[Publication]) -> Node:
    """The node without these publications of its forward."""
    kept = tuple(one for one in forward.published if one not in ends)
    return with_forward(node, forward, replace(forward, published=kept))
