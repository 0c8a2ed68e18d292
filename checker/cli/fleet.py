"""The verbs `fleet ...`: several gateways with one registry."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from checker.cli import fleet_drain
from checker.cli.dialog import ask, narrate, warn, would
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb, add_yes
from checker.config.layout import SYSTEM, Layout, refuse_missing, refuse_unmade
from checker.output import say

KEY_HELP = (
    "the file of the SSH key to sign with (default: REVERSI_SIGNING_KEY, else the first key in your"
    " agent that allowed_signers has)"
)


def add_to(verbs: Verbs) -> None:
    """Declare `fleet` and its verbs."""
    group = add_verb(
        verbs,
        "fleet",
        "have several gateways share one registry",
        "reversi-checker fleet status",
        ending="One gateway serves 10,000 nodes; when to want more: docs/fleet.md.",
    )
    actions = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_init(actions)
    add_card(actions)
    add_join(actions)
    add_sign(actions)
    add_status(actions)
    add_push(actions)
    add_export(actions)
    add_import(actions)
    fleet_drain.add_to(actions, KEY_HELP)
    add_remove(actions)
    add_serve(actions)


def add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", type=Path, metavar="FILE", help=KEY_HELP)


def add_init(actions: Verbs) -> None:
    init = add_verb(
        actions,
        "init",
        "make this gateway one of a fleet",
        "sudo reversi-checker fleet init gw1",
    )
    init.add_argument("id", metavar="ID", help="what this gateway is called in the fleet, as gw1")
    init.add_argument(
        "--unsigned",
        action="store_true",
        help="believe every gateway's root instead of signatures: only for a lab",
    )
    add_key(init)
    add_dry_run(init)
    init.set_defaults(command=cmd_init)


def cmd_init(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.control.sealing import signers_file
    from checker.fleet.making import draft_card, make_fleet, sign_cards
    from checker.model.gateway_id import parse_gateway_id
    from checker.registry.lock import refuse_others
    from checker.signatures import NoKey

    refuse_unmade(layout, args.home, os.environ)
    refuse_others(layout)
    id_ = parse_gateway_id(args.id)
    if args.dry_run:
        would([f"add [fleet] to {layout.config}, as {id_}", f"make {layout.fleet} and its card"])
        return ExitCode.OK
    make_fleet(layout, id_, signed=not args.unsigned)
    card = draft_card(layout, id_).card
    say(f"this gateway is {id_} of a fleet: {layout.fleet}")
    if not card.addresses:
        warn(f"its card has no address: add --address HOST:22 with: fleet card {id_}")
    try:
        sign_cards(layout, args.key)
    except NoKey:
        say(f"now write who may sign into {signers_file(layout)}, and then sign its card:")
        program = f"reversi-checker --home {layout.home}" if layout.home else "sudo reversi-checker"
        say(f"  {program} fleet card --sign --key FILE")
    if layout == SYSTEM:
        say("then have root take in what other gateways bring: sudo reversi-checker init")
    return ExitCode.OK


def add_card(actions: Verbs) -> None:
    card = add_verb(
        actions,
        "card",
        "print the card of a gateway, or change it",
        "reversi-checker fleet card > gw1.card",
        "sudo reversi-checker fleet card --bus gw1.example.org",
        "sudo reversi-checker fleet card gw2 --weight 2 --key ~/.ssh/id_ed25519",
        "sudo reversi-checker fleet card gw9 --state reserved --address gw9.example.org:22"
        " --host-key gw9_ed25519.pub",
    )
    card.add_argument("id", nargs="?", metavar="ID", help="which gateway (default: this one)")
    card.add_argument("--address", action="append", metavar="HOST:PORT", help="where its sshd is")
    card.add_argument(
        "--host-key", action="append", type=Path, metavar="FILE", help="a .pub file of its sshd"
    )
    card.add_argument("--weight", type=float, help="its share of the nodes, 1 by default")
    card.add_argument("--state", choices=("active", "draining", "reserved"), help="what it is for")
    card.add_argument(
        "--sign", action="store_true", help="sign it again, with the addresses and keys of today"
    )
    bus = card.add_mutually_exclusive_group()
    bus.add_argument(
        "--bus",
        metavar="HOST[:PORT]",
        help="where the other gateways reach the nats-server of this one (port 6223 by default);"
        " also writes its configuration",
    )
    bus.add_argument("--no-bus", action="store_true", help="leave the bus")
    add_key(card)
    add_dry_run(card)
    card.set_defaults(command=cmd_card)


def cmd_card(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.cli.fleet_lines import card_wish
    from checker.fleet.card_files import card_named
    from checker.fleet.exchange import fleet_of
    from checker.fleet.making import write_card
    from checker.fleet.sealed import one_text
    from checker.model import InvalidValue

    own = fleet_of(layout).name
    wish = card_wish(args, own)
    if wish.bus is not None and wish.id != own:
        raise InvalidValue(
            f"only {wish.id} itself can say where its nats-server is; run this there"
        )
    if wish.is_empty and not args.sign:
        kept = card_named(layout, wish.id)
        if not kept.sealed.signature and fleet_of(layout).signed:
            warn("nobody signed this card, so no gateway takes it; see --sign")
    elif args.dry_run:
        would([f"sign the next revision of the card of {wish.id}"])
        return ExitCode.OK
    else:
        kept = write_card(layout, wish, args.key)
        narrate(f"revision {kept.card.rev} of the card of {wish.id} is signed")
    say(one_text(kept.sealed).decode(), end="")
    return ExitCode.OK


def add_join(actions: Verbs) -> None:
    join = add_verb(
        actions,
        "join",
        "take the cards of other gateways, from files",
        "sudo reversi-checker fleet join gw2.card gw3.card",
    )
    join.add_argument("cards", nargs="+", type=Path, metavar="CARD")
    add_dry_run(join)
    join.set_defaults(command=cmd_join)


def cmd_join(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.cli.fleet_lines import take_in
    from checker.fleet.making import cards_in
    from checker.registry.lock import refuse_others

    refuse_others(layout)
    return take_in(args, layout, cards_in(args.cards))


def add_sign(actions: Verbs) -> None:
    sign = add_verb(
        actions,
        "sign",
        "sign files with entries or cards, as of an export, on any machine",
        "reversi-checker fleet sign export/unsigned/office.toml --key ~/.ssh/id_ed25519 --as anna",
    )
    sign.add_argument("files", nargs="+", type=Path, metavar="FILE")
    sign.add_argument(
        "--as",
        dest="signer",
        metavar="NAME",
        help="your name in the gateways' allowed_signers, where this machine has no such file",
    )
    add_key(sign)
    add_dry_run(sign)
    sign.set_defaults(command=cmd_sign)


def cmd_sign(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.fleet.making import sign_files

    if args.dry_run:
        would(f"sign {path}" for path in args.files)
        return ExitCode.OK
    signer = sign_files(layout, args.files, args.key, args.signer, os.environ)
    for path in args.files:
        say(f"signed by {signer}: {path}.sig")
    return ExitCode.OK


def add_status(actions: Verbs) -> None:
    status = add_verb(
        actions,
        "status",
        "show the fleet's gateways, and what of this one nobody signed",
        "reversi-checker fleet status",
    )
    add_json(status)
    status.set_defaults(command=cmd_status)


def cmd_status(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.cli.answers import say_json
    from checker.cli.fleet_lines import standing_json, standing_lines
    from checker.fleet.standing import standing

    refuse_missing(layout)
    found = standing(layout)
    if args.json:
        say_json(**standing_json(found))
    else:
        for line in standing_lines(found):
            say(line)
    return ExitCode.OK if found.is_settled else ExitCode.NOT_UP


def add_push(actions: Verbs) -> None:
    push = add_verb(
        actions,
        "push",
        "bring entries and cards to the other gateways, over SSH",
        "reversi-checker fleet push",
        "reversi-checker fleet push gw2 --login anna --ssh 'ssh -i ~/.ssh/fleet'",
    )
    push.add_argument("ids", nargs="*", metavar="ID", help="which gateways (default: all others)")
    push.add_argument("--login", default="", metavar="USER", help="the account there")
    push.add_argument("--ssh", default="ssh", metavar="COMMAND", help="how to run ssh")
    push.add_argument(
        "--receive",
        default="",
        metavar="COMMAND",
        help="what to run there (default: reversi-checker fleet import -)",
    )
    add_dry_run(push)
    push.set_defaults(command=cmd_push)


def cmd_push(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.cli.fleet_lines import others, pushed_lines
    from checker.fleet.exchange import RECEIVE, PushFailed, PushWay, push, shell_words

    refuse_missing(layout)
    way = PushWay(
        login=args.login,
        ssh=shell_words(args.ssh),
        receive=args.receive or RECEIVE,
        is_dry=args.dry_run,
        tell=narrate,
    )
    code = ExitCode.OK
    for card in others(layout, args.ids):
        try:
            done = push(layout, card, way)
        except PushFailed as error:
            warn(f"{card.id}: {error}")
            code = ExitCode.UNREACHABLE
            continue
        if args.dry_run:
            would([f"bring {done.sent} entries and cards to {card.id}"])
            continue
        for line in pushed_lines(done):
            say(f"{card.id}: {line}")
        if done.left_out and code is ExitCode.OK:
            code = ExitCode.NOT_UP
    return code


def add_export(actions: Verbs) -> None:
    export = add_verb(
        actions,
        "export",
        "write all entries and cards into a folder, as for git",
        "reversi-checker fleet export fleet-registry",
    )
    export.add_argument("folder", type=Path, metavar="DIR")
    export.set_defaults(command=cmd_export)


def cmd_export(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.fleet.folders import export

    refuse_missing(layout)
    signed, drafts = export(layout, args.folder)
    say(f"wrote {signed} entries and cards to {args.folder}")
    if drafts:
        warn(f"{drafts} that nobody signed are in {args.folder}/unsigned; see: fleet sign")
    return ExitCode.OK


def add_import(actions: Verbs) -> None:
    importing = add_verb(
        actions,
        "import",
        "take entries and cards from a folder; or from a push, with -",
        "sudo reversi-checker fleet import fleet-registry",
    )
    importing.add_argument("folder", metavar="DIR|-")
    add_dry_run(importing)
    importing.set_defaults(command=cmd_import)


def cmd_import(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.cli.fleet_lines import take_in
    from checker.fleet.exchange import receive
    from checker.fleet.folders import read_folder
    from checker.registry.lock import refuse_others

    if args.folder == "-":
        receive(layout, sys.stdin.buffer, say)
        return ExitCode.OK
    refuse_others(layout)
    many, troubles = read_folder(Path(args.folder))
    for trouble in troubles:
        warn(trouble)
    code = take_in(args, layout, many)
    return ExitCode.NOT_UP if troubles else code


def add_serve(actions: Verbs) -> None:
    serve = add_verb(
        actions,
        "serve",
        "mirror the other gateways, and tell them what this one sees, until stopped",
        "reversi-checker --home ~/gateway fleet serve",
        "reversi-checker --home ~/fleet fleet serve --watch",
        ending="On an installed gateway, reversi-fleet.service runs it. It needs nats-server and"
        " the Python package nats-py; see docs/fleet.md.",
    )
    serve.add_argument(
        "--watch",
        action="store_true",
        help="only mirror the others, as user reader of the bus: for an admin's own machine",
    )
    serve.set_defaults(command=cmd_serve)


def cmd_serve(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.fleet.serving import serve

    refuse_missing(layout)
    serve(layout, watches=args.watch)
    return ExitCode.OK


def add_remove(actions: Verbs) -> None:
    remove = add_verb(
        actions,
        "remove",
        "remove a gateway from the fleet: nobody pins its keys or believes it any more",
        "sudo reversi-checker fleet remove gw2",
    )
    remove.add_argument("id", metavar="ID")
    add_key(remove)
    add_yes(remove)
    add_dry_run(remove)
    remove.set_defaults(command=cmd_remove)


def cmd_remove(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.fleet.card_files import card_named
    from checker.fleet.cards import GatewayState
    from checker.fleet.exchange import fleet_of
    from checker.fleet.making import CardWish, write_card
    from checker.model import InvalidValue

    card = card_named(layout, args.id).card
    if card.id == fleet_of(layout).name:
        raise InvalidValue(f"{card.id} is this gateway; remove it on another one")
    if args.dry_run:
        would([f"withdraw the card of {card.id}"])
        return ExitCode.OK
    ask(args, f"remove gateway {card.id}", ["withdraw its card; bring that to the others: push"])
    write_card(layout, CardWish(id=card.id, state=GatewayState.REMOVED), args.key)
    say(f"removed {card.id}; bring that to the others: reversi-checker fleet push")
    return ExitCode.OK
