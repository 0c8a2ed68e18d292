"""The verbs `fleet drain` and `fleet undrain`: drain any gateway of the fleet."""

from __future__ import annotations

import argparse
from pathlib import Path

from checker.cli.dialog import ask, warn, would
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_dry_run, add_verb, add_yes
from checker.config.layout import Layout, refuse_missing
from checker.output import say

EFFECTS = {
    "drain": "tell its nodes to use another gateway, until undrain",
    "undrain": "take nodes again",
}
"""What each verb does to a gateway."""


def add_to(actions: Verbs, key_help: str) -> None:
    """Declare these verbs of `fleet`."""
    draining = add_verb(
        actions,
        "drain",
        "send the nodes of a gateway to their other gateways",
        "reversi-checker fleet drain gw2",
        "reversi-checker fleet drain gw2 --dry-run",
        ending="Of this gateway it is what `drain` does. Another one wants your signature.\n"
        "Exit status 3: nothing was done there, or it is not known.",
    )
    add_yes(draining)
    ending = add_verb(
        actions,
        "undrain",
        "have a gateway take nodes again after a drain",
        "reversi-checker fleet undrain gw2",
    )
    for parser in (draining, ending):
        parser.add_argument("id", metavar="ID", help="which gateway")
        parser.add_argument("--key", type=Path, metavar="FILE", help=key_help)
        add_dry_run(parser)
    draining.set_defaults(command=cmd_act, act="drain")
    ending.set_defaults(command=cmd_act, act="undrain", yes=True)


def cmd_act(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.cli.drain import cmd_drain, cmd_undrain
    from checker.fleet.card_files import card_named
    from checker.fleet.exchange import fleet_of

    refuse_missing(layout)
    if args.id == fleet_of(layout).name:
        args.again = args.no_wait = args.json = False
        return (cmd_drain if args.act == "drain" else cmd_undrain)(args, layout)
    id_ = card_named(layout, args.id).card.id
    if args.dry_run:
        would([f"ask gateway {id_} to {EFFECTS[args.act]}"])
        return ExitCode.OK
    ask(args, f"{args.act} gateway {id_}", [EFFECTS[args.act]])
    return at_another(args, layout)


def at_another(args: argparse.Namespace, layout: Layout) -> ExitCode:
    """Have another gateway do it."""
    from checker.control.far_acts import FarAct, act_at
    from checker.control.post import post_of
    from checker.model.action import GatewayVerb
    from checker.model.gateway_id import GatewayId

    wanted = FarAct(
        gateway=GatewayId(args.id),
        verb=GatewayVerb(args.act),
        key_file=args.key,
        may_ask=True,
    )
    (outcome,) = act_at(layout, wanted, post_of(layout))
    if not outcome.done:
        warn(outcome.sentence)
        return ExitCode.UNREACHABLE
    say(f"{args.id}: {outcome.sentence}")
    return ExitCode.OK
