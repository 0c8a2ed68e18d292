"""`reversi-checker publish` and `unpublish`: public ports of the gateway, behind which HAProxy
reaches the tunnels.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from checker.cli.common import agreed, aims_for, narrate, registry_of
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.node_changes import tell
from checker.haproxy.program import proxy_of
from checker.haproxy.publish import begin, change, follow, refuse_taken, wanted_file
from checker.model import Forward, InvalidValue, Node, Publication, parse_port
from checker.output import say
from checker.registry.edits import with_forward
from checker.registry.lock import locked
from checker.registry.nodes import Registry
from checker.registry.publications import parse_sni, with_publication

if TYPE_CHECKING:
    from checker.cli.common import Verbs


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    publish = verbs.add_parser(
        "publish",
        help="give a forward a public port, through HAProxy",
        formatter_class=raw,
        description=(
            "Has HAProxy listen on a port of all the gateway's addresses, for a forward. Without"
            " NODE:PORT: brings HAProxy's\nfile in line with the registry, as after an edit by"
            " hand."
        ),
        epilog=(
            "example: reversi-checker publish mail:20025 --port 25 --send-proxy\n"
            "         reversi-checker publish mail:20443 --port 443 --sni mail.example.org"
        ),
    )
    publish.add_argument(
        "forward",
        nargs="?",
        metavar="NODE:PORT",
        help="which forward; NODE will do where it has but one",
    )
    publish.add_argument("--port", metavar="PORT", help="where the gateway's visitors come")
    publish.add_argument(
        "--sni",
        metavar="NAME",
        help="only TLS visitors who ask for this name; without it, whoever no name takes",
    )
    publish.add_argument(
        "--send-proxy",
        action="store_true",
        help="tell the target who comes, by a PROXY line, which it must speak",
    )
    publish.add_argument(
        "--dry-run",
        action="store_true",
        help="print the file that HAProxy would get, and do nothing",
    )
    publish.set_defaults(command=cmd_publish)
    unpublish = verbs.add_parser(
        "unpublish",
        help="take public ports away again",
        formatter_class=raw,
        epilog=(
            "example: reversi-checker unpublish mail:20025\n         reversi-checker unpublish"
            " mail:20443 --port 443"
        ),
    )
    unpublish.add_argument(
        "forward", metavar="NODE:PORT", help="which forward; NODE will do where it has but one"
    )
    unpublish.add_argument("--port", metavar="PORT", help="only this public port")
    unpublish.add_argument("--sni", metavar="NAME", help="only this name")
    unpublish.add_argument(
        "--yes", action="store_true", help="do not ask (without a terminal it never asks)"
    )
    unpublish.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )
    unpublish.set_defaults(command=cmd_unpublish)


def one_forward(registry: Registry, word: str) -> tuple[Node, Forward]:
    """The forward that a word names, and its node. Raises CheckerError."""
    aims = aims_for(registry, word)
    if len(aims) > 1:
        named = " or ".join(f"{aim.node}:{aim.port}" for aim in aims)
        raise InvalidValue(f"node {aims[0].node} has {len(aims)} forwards; say which: {named}")
    node = registry.node(aims[0].node)
    return node, next(forward for forward in node.forwards if aims[0].port in forward.ports)


def asked_publication(args: argparse.Namespace) -> Publication:
    """What was typed. Raises InvalidValue."""
    if args.port is None:
        raise InvalidValue(
            "publish needs --port PORT: where the gateway's visitors come, as 25 or 443"
        )
    return Publication(
        port=parse_port(args.port),
        sni=parse_sni(args.sni) if args.sni is not None else "",
        send_proxy=args.send_proxy,
    )


def cmd_publish(args: argparse.Namespace, layout: Layout) -> ExitCode:
    config = load_config(layout.config)
    proxy = proxy_of(layout, config)
    if args.forward is None:
        return bring_in_line(args, layout)
    publication = asked_publication(args)
    with locked(layout):
        registry = registry_of(layout)
        node, forward = one_forward(registry, args.forward)
        changed = with_forward(node, forward, with_publication(forward, publication))
        wanted = wanted_file(registry.with_node(changed), proxy)
        refuse_taken(publication.port, registry, proxy, config.tunnel_uid)
        if args.dry_run:
            say(wanted, end="")
            return ExitCode.OK
        said = change(layout, proxy, changed)
    if changed != node:
        tell(layout, node.name, [(forward.port, f"published on port {publication}")], narrate)
    say(
        f"{node.name}:{forward.port} is published on port"
        f" {publication}{'' if changed != node else ' already'}"
    )
    if said:
        say(said)
    return ExitCode.OK


def bring_in_line(args: argparse.Namespace, layout: Layout) -> ExitCode:
    """`publish` without a forward."""
    if args.port is not None or args.sni is not None or args.send_proxy:
        raise InvalidValue(
            "publish needs NODE:PORT beside --port, --sni and --send-proxy: which forward its"
            " visitors reach"
        )
    proxy = proxy_of(layout, load_config(layout.config))
    with locked(layout):
        registry = registry_of(layout)
        if args.dry_run:
            say(wanted_file(registry, proxy), end="")
            return ExitCode.OK
        made = begin(proxy)
        said = follow(registry, proxy)
    say(
        said
        or (
            f"wrote {proxy.path}: nothing is published yet"
            if made
            else f"{proxy.path} says what the registry says already"
        )
    )
    return ExitCode.OK


def cmd_unpublish(args: argparse.Namespace, layout: Layout) -> ExitCode:
    proxy = proxy_of(layout, load_config(layout.config))
    port = None if args.port is None else parse_port(args.port)
    sni = None if args.sni is None else parse_sni(args.sni)
    with locked(layout):
        node, forward = one_forward(registry_of(layout), args.forward)
        ends = [
            one for one in forward.published if port in (None, one.port) and sni in (None, one.sni)
        ]
        if not ends:
            raise InvalidValue(
                f"{node.name}:{forward.port} is not published so; see: reversi-checker node show"
                f" {node.name}"
            )
        named = f"{node.name}:{forward.port} on port {', '.join(map(str, ends))}"
        if args.dry_run or not agreed(args, f"unpublish {named}"):
            say(f"would unpublish {named}")
            return ExitCode.OK
        kept = tuple(one for one in forward.published if one not in ends)
        said = change(layout, proxy, with_forward(node, forward, replace(forward, published=kept)))
    tell(
        layout,
        node.name,
        [(forward.port, f"unpublished on port {', '.join(map(str, ends))}")],
        narrate,
    )
    say(f"unpublished {named}")
    if said:
        say(said)
    return ExitCode.OK
