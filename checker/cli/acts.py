"""The verbs `probe`, `kill` and `reset`: act on forwards."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from checker.cli.answers import say_json
from checker.cli.common import aims_for, existing_registry
from checker.cli.dialog import narrate, warn
from checker.cli.exit_codes import ExitCode
from checker.cli.filtered_acts import (
    Chosen,
    aim_at,
    chosen_from,
    failures_first,
    left_out,
    still,
    summary,
    where_they_are,
)
from checker.cli.seen import seen_by_all
from checker.cli.selection import (
    MANY,
    add_filter,
    add_yes_to_many,
    confirm_many,
    matching_rows,
    refuse_neither,
    rows_to_show,
)
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb
from checker.config.layout import Layout, has_mirrors
from checker.control.client import Control
from checker.control.expectations import advice_for, seen_through
from checker.control.outcome_words import told
from checker.control.unregistered import UnregisteredTunnel, aims_at, unregistered_tunnels
from checker.model import OPEN, Aim, Outcome, Status, Verb, outcome_json
from checker.output import say
from checker.registry.nodes import Registry
from checker.state.errors import StateError

HELP = {
    Verb.PROBE: "probe now, and act on the result",
    Verb.KILL: "end the sshd process that holds the port",
    Verb.RESET: "kill, and forget earlier failures and flaps",
}

EFFECTS = {
    Verb.KILL: "end the sshd process that holds {}, with all its forwards; the device reconnects",
    Verb.RESET: (
        "end the sshd process that holds {}, with all its forwards, and forget failures and flaps;"
        " the device reconnects at once"
    ),
}
"""What a verb that asks does to one forward."""


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    for verb, text in HELP.items():
        parser = add_verb(
            verbs,
            verb.value,
            text,
            f"reversi-checker {verb} office",
            f"reversi-checker {verb} office:20010 20011",
            f"reversi-checker {verb} --filter 'tag:site-a is:hung'",
        )
        parser.add_argument(
            "target", nargs="*", metavar="NODE|NODE:PORT|PORT", help="which forwards"
        )
        add_filter(parser)
        add_json(parser)
        if verb is not Verb.PROBE:
            add_yes_to_many(parser)
            add_dry_run(parser)
        parser.set_defaults(command=cmd_act, verb=verb)


def cmd_act(args: argparse.Namespace, layout: Layout) -> ExitCode:
    verb: Verb = args.verb
    refuse_neither(args, args.target, "NODE, NODE:PORT or PORT")
    registry = existing_registry(layout)
    chosen = chosen_by(args, layout, registry)
    if verb is not Verb.PROBE:
        if args.dry_run:
            would_be = [left_out(aim, f"would {verb}") for aim in chosen.aims]
            print_outcomes(args, chosen, [*chosen.left_out, *would_be], is_trial=True)
            return ExitCode.OK
        plan = [EFFECTS[verb].format(named(chosen, aim)) for aim in chosen.aims]
        if plan and confirm_many(args, "do it", plan) and args.filter is not None:
            rows = rows_to_show(layout, registry, args.filter)
            chosen = still(chosen, frozenset(map(aim_at, rows)))
    outcomes = (*chosen.left_out, *act_on(layout, verb, chosen))
    report(args, chosen, outcomes)
    if verb is Verb.PROBE and len(outcomes) <= MANY:
        offer_expectations(registry, [one for one in outcomes if not chosen.gateway_of(one)])
    is_broken = verb is Verb.PROBE and any(one.node in registry.broken for one in outcomes)
    return ExitCode.NOT_UP if is_broken else act_code(verb, outcomes)


def chosen_by(args: argparse.Namespace, layout: Layout, registry: Registry) -> Chosen:
    """The forwards that the words name, or that match the filter. Raises CheckerError."""
    if args.filter is not None:
        rows = matching_rows(layout, registry, args.filter)
        return signable(layout, chosen_from(args.verb, rows))
    unregistered = readable_unregistered(layout, registry)
    chosen = Chosen(aims=tuple(aims_of(args.target, registry, unregistered)))
    if not has_mirrors(layout):
        return chosen
    try:
        seen = seen_by_all(layout, time.time())
    except StateError as error:
        warn(error)
        return chosen
    return signable(layout, where_they_are(chosen, args.verb, seen))


def signable(layout: Layout, chosen: Chosen) -> Chosen:
    """Leave out what is at another gateway if nobody can sign for it."""
    if not chosen.at:
        return chosen
    from checker.control.act_elsewhere import why_not_signed  # only a fleet needs it

    why_not = {gateway: why_not_signed(layout, gateway) for gateway in set(chosen.at.values())}
    return chosen.without({aim: why_not.get(chosen.gateway_of(aim), "") for aim in chosen.aims})


def act_on(layout: Layout, verb: Verb, chosen: Chosen) -> tuple[Outcome, ...]:
    """Act here, and then at the other gateways. Raises CheckerError if nothing could be tried."""
    by_gateway: dict[str, list[Aim]] = {}
    for aim in chosen.aims:
        by_gateway.setdefault(chosen.gateway_of(aim), []).append(aim)
    here = by_gateway.pop("", [])
    done = Control(layout=layout).act(verb, here) if here else ()
    for gateway, aims in by_gateway.items():
        from checker.control.act_elsewhere import act_elsewhere  # only a fleet needs it

        may_ask = sys.stdin.isatty()
        done += act_elsewhere(layout, gateway, verb, aims, may_ask=may_ask)
    return done


def named(chosen: Chosen, one: Aim | Outcome) -> str:
    """The forward, and the gateway if it is another one."""
    gateway = chosen.gateway_of(one)
    return f"{one.node}:{one.port}{f' at {gateway}' if gateway else ''}"


def report(args: argparse.Namespace, chosen: Chosen, outcomes: Sequence[Outcome]) -> None:
    """Print the outcomes; of many, the failures first, and at the end how many there are."""
    verb: Verb = args.verb
    good = {
        (one.node, one.port) for one in outcomes if (is_up(one) if verb is Verb.PROBE else one.done)
    }
    if args.filter is not None or len(outcomes) > MANY:
        print_outcomes(args, chosen, failures_first(outcomes, good))
        narrate("; ".join(summary(verb, len(outcomes), len(good))))
    else:
        print_outcomes(args, chosen, outcomes)


def aims_of(
    words: Sequence[str], registry: Registry, unregistered: Sequence[UnregisteredTunnel]
) -> list[Aim]:
    """The forwards that the words name, of unregistered devices too. Raises CheckerError."""
    return [
        aim for word in words for aim in aims_at(unregistered, word) or aims_for(registry, word)
    ]


def readable_unregistered(layout: Layout, registry: Registry) -> tuple[UnregisteredTunnel, ...]:
    """The unregistered devices; none if the state file cannot be read, since registered nodes can
    be acted on without it.
    """
    try:
        return unregistered_tunnels(layout, registry)
    except StateError as error:
        warn(error)
        return ()


def print_outcomes(
    args: argparse.Namespace,
    chosen: Chosen,
    outcomes: Sequence[Outcome],
    *,
    is_trial: bool = False,
) -> None:
    verb: Verb = args.verb
    if args.json:
        say_json(verb=verb.value, outcomes=[json_of(chosen, outcome) for outcome in outcomes])
        return
    for outcome in outcomes:
        text = told(verb, outcome.sentence, done=outcome.done or is_trial)
        say(f"{named(chosen, outcome)}: {text}")


def json_of(chosen: Chosen, outcome: Outcome) -> dict[str, object]:
    gateway = chosen.gateway_of(outcome)
    return {**outcome_json(outcome), **({"gateway": gateway} if gateway else {})}


def offer_expectations(registry: Registry, outcomes: Sequence[Outcome]) -> None:
    """Look once through each tunnel that is up and of which no response is expected, and say which
    one its target gives.
    """
    import asyncio  # slow to load, and needed only here

    up = {(one.node, one.port) for one in outcomes if is_up(one)}
    for node in registry.nodes.values():
        for forward in node.forwards:
            port = next((port for port in forward.ports if (node.name, port) in up), None)
            if port is None or forward.expect != OPEN:
                continue
            found = asyncio.run(seen_through(forward, port))
            if found is not None:
                narrate(
                    f"{node.name}:{port}: `open` does not notice a tunnel that hangs; its target"
                    f" answers with {found}:"
                    f" {advice_for(node.name, forward, found, is_only=len(node.forwards) == 1)}"
                )


def is_up(outcome: Outcome) -> bool:
    """Whether a probe found the forward up; a remark follows a colon."""
    return outcome.sentence.partition(":")[0] == Status.UP


def act_code(verb: Verb, outcomes: Sequence[Outcome]) -> ExitCode:
    """0 if anything was done; of a probe: if all forwards are up."""
    if verb is Verb.PROBE:
        is_ok = all(map(is_up, outcomes))
    else:
        is_ok = any(outcome.done for outcome in outcomes)
    return ExitCode.OK if is_ok else ExitCode.NOT_UP
