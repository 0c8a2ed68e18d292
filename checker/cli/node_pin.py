"""The verb `node pin`: read the host keys of nodes through their tunnels, and pin them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence

from checker.cli.answers import say_json
from checker.cli.common import existing_registry, seen_tunnels
from checker.cli.dialog import narrate, show_note, warn, would
from checker.cli.exit_codes import ExitCode
from checker.cli.selection import (
    MANY,
    add_filter,
    confirm_many,
    matching_nodes,
    refuse_both,
)
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.key_readings import (
    Found,
    Reading,
    Seen,
    clause,
    failures_first,
    forwards_to_read,
    named,
    plan_line,
    reading_json,
    shared_keys,
    shared_sentence,
    summary,
    to_write,
    with_keys,
)
from checker.control.many_nodes import carry_out_all, planned_for_all
from checker.model import (
    CheckerError,
    ExpectKind,
    Forward,
    InvalidValue,
    Node,
    NodeName,
    Place,
    by_place,
)
from checker.output import say, today
from checker.registry.lock import refuse_others
from checker.registry.nodes import Registry


def add_to(actions: Verbs) -> None:
    """Declare the verb."""
    pin = add_verb(
        actions,
        "pin",
        "read the SSH host keys of nodes through their tunnels, and pin them",
        "reversi-checker node pin office",
        "reversi-checker node pin --all --yes",
        "reversi-checker node pin office --remove",
        ending=(
            "A pinned key is replaced only if you name its node.\n"
            "Exit status 1: a key was not read, or differs from the pinned one, which stays."
        ),
    )
    pin.add_argument("name", metavar="NODE", nargs="*", help="whose keys to read")
    add_filter(pin, "nodes")
    pin.add_argument("--all", action="store_true", help="all nodes")
    pin.add_argument("--remove", action="store_true", help="forget the pinned keys")
    pin.add_argument(
        "--yes",
        action="store_true",
        help="do not ask; replace a pinned key too, if you name its node",
    )
    add_dry_run(pin, "read the keys, print what would be pinned, and pin nothing")
    add_json(pin)
    pin.set_defaults(command=cmd_pin)


def cmd_pin(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = existing_registry(layout)
    nodes = chosen(args, layout, registry)
    if not args.dry_run:
        refuse_others(layout)
    if args.remove:
        return remove(args, layout, registry, nodes)
    return pin(args, layout, registry, nodes)


def chosen(args: argparse.Namespace, layout: Layout, registry: Registry) -> tuple[Node, ...]:
    """The nodes that the command line names. Raises CheckerError."""
    refuse_both(args, args.name, "nodes")
    if args.all and (args.name or args.filter is not None):
        raise InvalidValue("give nodes, or --filter, or --all; not two of them")
    if args.all or args.filter is not None:
        found = (
            tuple(registry.nodes.values())
            if args.all
            else matching_nodes(layout, registry, args.filter)
        )
        return tuple(
            one for one in found if one.name not in registry.broken and not one.barred(today())
        )
    if not args.name:
        raise InvalidValue("nothing is named; give nodes, or --filter TEXT, or --all")
    return tuple(registry.node(name) for name in dict.fromkeys(args.name))


def pin(
    args: argparse.Namespace, layout: Layout, registry: Registry, nodes: Sequence[Node]
) -> ExitCode:
    """Read the keys, ask, pin them, and report."""
    from checker.control.key_reading import read_all  # imports asyncio, which is slow to load

    targets = [forward for node in nodes for forward in forwards_to_read(node)]
    if not targets:
        raise InvalidValue(
            "no forward leads to an SSH server, as far as the registry tells: none expects"
            " banner:SSH- or hostkey, or leads to port 22"
        )
    readings = read_all(targets, view_of(layout))
    for key, names in shared_keys(registry.forwards, readings):
        if any(one.key == key for one in readings):
            warn(shared_sentence(key, names))
    wanted = allowed(args, readings)
    done: frozenset[Reading] = frozenset()
    if wanted and not args.dry_run:
        confirm(args, "pin these keys", [plan_line(one) for one in wanted])
        made = write(layout, registry, {place_of(one.forward): one.key for one in wanted})
        done = frozenset(one for one in wanted if one.forward.node in made)
    report(args, readings, frozenset(wanted), done)
    if done and not args.json:
        advise(args, done)
    left = {one for one in readings if one.found is not Found.SAME} - done
    return ExitCode.OK if not left or (args.dry_run and left <= {*wanted}) else ExitCode.NOT_UP


def write(layout: Layout, registry: Registry, keys: Mapping[Place, str]) -> frozenset[NodeName]:
    """Pin these keys (empty: forget); the nodes of which that was done. Warn of the others. Raises
    CheckerError if none could be tried.
    """
    names = dict.fromkeys(node for node, _ in keys)
    plan = planned_for_all(registry, names, lambda node: with_keys(node, keys))
    made, failures = carry_out_all(layout, plan.changes, show_note)
    for failure in (*plan.failures, *failures):
        warn(f"{failure.name}: {failure.why}")
    return frozenset(one.after.name for one in made)


def place_of(forward: Forward) -> Place:
    return forward.node, forward.port


def view_of(layout: Layout) -> Seen:
    """What the daemon last saw. Raises StateError, ConfigError."""
    config = load_config(layout.config)
    tunnels, sweep = seen_tunnels(layout)
    return Seen(
        tunnels=by_place(tunnels),
        every_s=sweep.every_s if sweep else config.policy.probe_every_s,
        now=time.time(),
        uid=config.tunnel_uid,
    )


def allowed(args: argparse.Namespace, readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """The keys to pin. Another key than the pinned one is warned of; it takes its place only if its
    node is named, and somebody says yes.
    """
    changed = [one for one in readings if one.found is Found.CHANGED]
    can_ask = sys.stdin.isatty() and sys.stderr.isatty()
    replaces = bool(args.name) and (args.yes or args.dry_run or can_ask)
    for one in changed:
        warn(warning(one, is_named=bool(args.name), replaces=replaces))
    return to_write(readings, replaces=replaces)


def warning(one: Reading, *, is_named: bool, replaces: bool) -> str:
    """Say what another key than the pinned one may mean, and what to do."""
    text = (
        f"{one.place}: ANOTHER HOST KEY: {clause(one)}; if nobody replaced its key or the device,"
        " somebody else answers there"
    )
    if replaces:
        return text
    again = f"reversi-checker node pin {one.forward.node}"
    left = "; it was left alone; to replace the pinned key, "
    return f"{text}{left}{'add --yes' if is_named else f'name the node: {again}'}"


def confirm(args: argparse.Namespace, question: str, plan: Sequence[str]) -> None:
    """Ask before keys are pinned or forgotten. Raises Declined, Unconfirmed, CheckerError."""
    can_ask = sys.stdin.isatty() and sys.stderr.isatty()
    if args.all and len(plan) > MANY and not (args.yes or can_ask):
        raise CheckerError(
            f"--all means {len(plan)} forwards, and there is no terminal to confirm that; see them"
            " with --dry-run, and then add --yes"
        )
    confirm_many(args, question, plan)


def report(
    args: argparse.Namespace,
    readings: Sequence[Reading],
    wanted: frozenset[Reading],
    done: frozenset[Reading],
) -> None:
    """Print what came of each forward, failures first, and the counts."""
    ordered = failures_first(readings)
    if args.json:
        say_json(forwards=[reading_json(one, is_done=one in done) for one in ordered])
        return
    for one in ordered:
        if one in wanted and args.dry_run:
            would([plan_line(one)])
        elif one in done:
            say(f"{one.place}: host key pinned: {named(one.key)}")
        elif one.found is Found.SAME:
            say(f"{one.place}: host key {clause(one)}")
        else:
            say(f"{one.place}: {one.found}: {clause(one)}")
    narrate(f"host keys: {summary(readings, done, wanted if args.dry_run else ())}")


def advise(args: argparse.Namespace, done: frozenset[Reading]) -> None:
    """Say how to have the keys compared."""
    forwards = sorted((one.forward for one in done), key=lambda forward: forward.port)
    unwatched = [one for one in forwards if one.expect.kind is not ExpectKind.HOSTKEY]
    if args.name and len(args.name) == 1 and unwatched:
        which = "" if len(unwatched) == 1 else f" --forward {unwatched[0].port}"
        narrate(
            "to have the daemon compare it, run: reversi-checker node set"
            f" {args.name[0]}{which} --expect hostkey"
        )


def remove(
    args: argparse.Namespace, layout: Layout, registry: Registry, nodes: Sequence[Node]
) -> ExitCode:
    """Forget the pinned keys of these nodes."""
    pinned = [forward for node in nodes for forward in node.forwards if forward.host_key]
    plan = [removal(forward) for forward in pinned]
    if args.dry_run and pinned:
        would(plan)
        return ExitCode.OK
    removed = pinned
    if pinned:
        confirm(args, "forget these keys", plan)
        made = write(layout, registry, {place_of(forward): "" for forward in pinned})
        removed = [forward for forward in pinned if forward.node in made]
    else:
        narrate("no host key is pinned there; nothing to change")
    if args.json:
        say_json(removed=[{"node": one.node, "port": one.port} for one in removed])
    for forward in [] if args.json else removed:
        say(f"{forward.node}:{forward.port}: host key no longer pinned: {named(forward.host_key)}")
    return ExitCode.OK if removed == pinned else ExitCode.NOT_UP


def removal(forward: Forward) -> str:
    return f"forget the host key of {forward.node}:{forward.port}: {named(forward.host_key)}"
