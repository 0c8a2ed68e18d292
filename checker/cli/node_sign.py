"""The verb `node sign`: sign the entries of nodes for the other gateways of the fleet."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from checker.cli.dialog import show_note, warn, would
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_dry_run, add_verb
from checker.config.layout import Layout
from checker.model import InvalidValue, NodeName
from checker.model.gateway_id import GatewayId
from checker.output import say
from checker.registry.lock import refuse_others


def add_to(actions: Verbs) -> None:
    """Declare the verb."""
    sign = add_verb(
        actions,
        "sign",
        "sign nodes for the other gateways of the fleet, as after an edit by hand",
        "sudo reversi-checker node sign office --key ~/.ssh/id_ed25519",
        "sudo --preserve-env=SSH_AUTH_SOCK reversi-checker node sign --all",
        "sudo reversi-checker node sign office --gateways gw2,gw1 --paths 1",
    )
    sign.add_argument("names", nargs="*", metavar="NODE")
    sign.add_argument("--all", action="store_true", help="all that differ from what was signed")
    sign.add_argument(
        "--again", action="store_true", help="also what does not differ, as after a signer left"
    )
    sign.add_argument(
        "--gateways",
        metavar="ID,ID...",
        help="the node's gateways, in its order; 'default': as the gateways' cards say",
    )
    sign.add_argument("--paths", type=int, metavar="N", help="how many tunnels it keeps")
    sign.add_argument("--key", type=Path, metavar="FILE", help="the file of the SSH key")
    add_dry_run(sign)
    sign.set_defaults(command=cmd_sign)


def cmd_sign(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.control.sealing import SignWish, parse_routing, seal, to_sign

    if bool(args.names) == args.all:
        raise InvalidValue("name the nodes to sign, or say --all")
    refuse_others(layout)
    routing = parse_routing(args.paths, args.gateways)
    wish = SignWish(key_file=args.key, routing=routing, again=args.again, settles=not args.all)
    names = chosen(args, layout)
    if args.dry_run:
        would(f"sign {name}" for name in to_sign(layout, names, wish))
        warn_of_unknown_gateways(layout, routing.gateways or ())
        return ExitCode.OK
    done = seal(layout, names, wish)
    for entry in done.entries:
        what = "removed" if entry.node is None else "signed"
        say(f"{entry.name}: revision {entry.head.rev} {what} by {entry.head.changed_by}")
    for note in done.notes():
        show_note(note)
    warn_of_unknown_gateways(layout, routing.gateways or ())
    if not done.entries and not done.refused:
        say("nothing to sign: all is as it was signed")
    return ExitCode.NOT_UP if done.refused else ExitCode.OK


def warn_of_unknown_gateways(layout: Layout, ids: Iterable[GatewayId]) -> None:
    """Name each gateway that has no card here: perhaps a slip. Raises ConfigError."""
    from checker.fleet.card_files import UnknownGateway, card_named

    for id_ in ids:
        try:
            card_named(layout, id_)
        except UnknownGateway as error:
            warn(f"{error}; until there is one, no device goes there")


def chosen(args: argparse.Namespace, layout: Layout) -> list[NodeName]:
    """Return the nodes to sign, also removed ones that nobody signed. Raises InvalidValue,
    UnknownNode, ConfigError.
    """
    from checker.config.toml_file import toml_files
    from checker.model import parse_name
    from checker.registry.entry_files import entries_folder, entry_path
    from checker.registry.reading import read_registry

    registry = read_registry(layout.nodes)
    if args.all:
        kept = (NodeName(path.stem) for path in toml_files(entries_folder(layout)))
        return sorted({*registry.nodes, *kept}.difference(registry.broken))
    names = []
    for text in args.names:
        name = parse_name(text)
        if not entry_path(layout, name).exists():
            registry.node(name)
        registry.refuse_broken(name)
        names.append(name)
    return names
