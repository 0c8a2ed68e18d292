"""The verbs `probe`, `kill` and `reset`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from checker.cli.common import Verbs, aims_for, confirmed, registry_there
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.control.client import Control
from checker.control.unregistered import Seen as Stranger
from checker.control.unregistered import aims_at, unregistered_seen
from checker.model import Outcome, Status, Verb, outcome_json
from checker.output import say
from checker.registry.nodes import Registry
from checker.state.errors import StateError


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    for verb, text in (
        (Verb.PROBE, "probe now, and act on what is seen"),
        (Verb.KILL, "end the sshd process that holds the port"),
        (Verb.RESET, "kill, and begin with a clean slate: no strikes, no flaps"),
    ):
        add_action(verbs, verb, text)


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
