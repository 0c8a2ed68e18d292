"""The verbs `enrol new`, `list` and `end`: one bundle for many devices."""

from __future__ import annotations

import argparse
import time
from collections import Counter

from checker.cli.answers import say_json
from checker.cli.common import existing_registry, registry_of
from checker.cli.dialog import ask, narrate, show_note, warn, would
from checker.cli.enrol_lines import (
    Counted,
    build_command,
    counted_json,
    end_plan,
    ended_line,
    enrolment_json,
    list_rows,
    made_lines,
)
from checker.cli.exit_codes import ExitCode
from checker.cli.label_options import add_labels
from checker.cli.node_add import requests_in
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb, add_yes
from checker.config.layout import Layout, refuse_missing
from checker.control.applicant_list import waiting
from checker.control.enrolments import (
    begin_enrolment,
    blind_notes,
    refuse_known,
    requests_like,
    stop_enrolment,
    unaware,
    without_ports,
)
from checker.model import (
    MOST_USES,
    PER_ADDRESS,
    Enrolment,
    ForwardRequest,
    InvalidValue,
    KeyType,
    parse_enrolment_id,
    parse_note,
    parse_tags,
)
from checker.model.instant import parse_until
from checker.output import aligned, say
from checker.registry.enrolments import UnknownEnrolment, read_enrolments
from checker.registry.lock import refuse_others
from checker.registry.nodes import Registry

USUAL_END = "7d"
LEAST_S, MOST_S = 60, 90 * 86400
MOST_PER_ADDRESS = 1000


def add_to(verbs: Verbs) -> None:
    """Declare `enrol` and its verbs."""
    group = add_verb(
        verbs,
        "enrol",
        "let many devices register with one bundle",
        "sudo reversi-checker enrol new --uses 100 --forward 127.0.0.1:22,hostkey",
    )
    actions = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_new(actions)
    listing = add_verb(actions, "list", "list all enrolments", "reversi-checker enrol list --json")
    add_json(listing)
    listing.set_defaults(command=cmd_list)
    ending = add_verb(
        actions,
        "end",
        "end an enrolment: its key opens nothing any more; nodes that were accepted stay",
        "sudo reversi-checker enrol end site-a",
    )
    ending.add_argument("id", metavar="ID")
    add_yes(ending)
    add_dry_run(ending)
    ending.set_defaults(command=cmd_end)


def add_new(actions: Verbs) -> None:
    new = add_verb(
        actions,
        "new",
        "make a key with which devices ask to become nodes",
        "sudo reversi-checker enrol new site-a --uses 100 --forward 127.0.0.1:22,hostkey --tag"
        " site-a",
        "sudo reversi-checker enrol new --like office --expires 2d",
        ending="Next: sudo reversi-client build --enrol ID, then on each device: sh"
        " reversi-ID.sh install",
    )
    new.add_argument("id", metavar="ID", nargs="?", help="its name (default: a random word)")
    what = new.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--like", metavar="NODE", help="each node gets the targets and tags of this one"
    )
    what.add_argument(
        "--forward",
        action="append",
        metavar="HOST:PORT[,public][,EXPECT]",
        help="what each node gets, as in `node add`, with a port of its own; can be repeated",
    )
    new.add_argument(
        "--public",
        action="append_const",
        dest="forward",
        const=None,
        help="same as ',public' in the --forward before it",
    )
    add_labels(new)
    add_limits(new)
    add_dry_run(new, "print what would be made, and do nothing")
    add_json(new)
    new.set_defaults(command=cmd_new, is_registering=True)


def add_limits(new: argparse.ArgumentParser) -> None:
    """Add how long, how often and for which keys it works."""
    new.add_argument(
        "--expires",
        metavar="TIME",
        default=USUAL_END,
        help=f"when it ends, after 1m to 90d (default {USUAL_END}): 2h, 3d, 1w, 2026-12-01T08:00",
    )
    new.add_argument(
        "--uses",
        type=int,
        metavar="N",
        help=f"how many devices may be accepted (default and most: {MOST_USES})",
    )
    new.add_argument(
        "--per-address",
        type=int,
        metavar="N",
        default=PER_ADDRESS,
        help=f"new devices a minute that may ask from one address (default {PER_ADDRESS})",
    )
    new.add_argument(
        "--auto",
        action="store_true",
        help="accept each device that asks, without you; needs --uses",
    )
    new.add_argument(
        "--key-type",
        choices=[kind.value for kind in KeyType],
        default=KeyType.ED25519.value,
        help="type of the enrolment's key: ed25519 (the default), or rsa for dropbear on small"
        " flash; each device makes its own key of the best type that it has",
    )


def cmd_new(args: argparse.Namespace, layout: Layout) -> ExitCode:
    wanted = wanted_of(args, registry_of(layout), time.time())
    for note in blind_notes(wanted.forwards):
        narrate(note)
    if args.dry_run:
        refuse_known(layout, wanted.id)
        enrolment = wanted
    else:
        refuse_others(layout)
        enrolment = begin_enrolment(layout, wanted, KeyType(args.key_type), show_note)
    if args.json:
        say_json(enrolment=enrolment_json(enrolment), **({"dry_run": True} if args.dry_run else {}))
    elif args.dry_run:
        about, given = made_lines(enrolment)
        would((f"make {about}", given.replace("each node gets:", "give each node:")))
    else:
        for line in made_lines(enrolment):
            say(line)
        say(f"next: {build_command(layout.home, enrolment.id)}")
    return ExitCode.OK


def wanted_of(args: argparse.Namespace, registry: Registry, now: float) -> Enrolment:
    """The enrolment that is asked for, without its key, and without an id if none is given. Raises
    InvalidValue, UnknownNode.
    """
    like = registry.node(args.like) if args.like else None
    if args.auto and args.uses is None:
        raise InvalidValue(
            "--auto accepts whoever has the bundle, so it needs a limit: add --uses N, the number"
            " of your devices"
        )
    forwards: tuple[ForwardRequest, ...] = (
        requests_like(like)
        if like and not args.forward
        else without_ports(requests_in(args.forward))
    )
    return Enrolment(
        id=parse_enrolment_id(args.id) if args.id else "",
        public_key="",
        forwards=forwards,
        tags=parse_tags([*(like.tags if like else ()), *args.tag]),
        note=parse_note(args.note or ""),
        made_at=int(now),
        expires=parse_end(args.expires, now),
        uses=0 if args.uses is None else bounded("--uses", args.uses, MOST_USES),
        per_address=bounded("--per-address", args.per_address, MOST_PER_ADDRESS),
        is_auto=args.auto,
    )


def parse_end(text: str, now: float) -> int:
    """When an enrolment ends, in Unix seconds. Raises InvalidValue."""
    until = parse_until(text, now, "--expires")
    if LEAST_S <= until - now <= MOST_S:
        return int(until)
    raise InvalidValue(
        f"an enrolment lasts from 1m to {MOST_S // 86400}d, so it cannot end at {text[:40]!r}; make"
        " another one when it has ended"
    )


def bounded(option: str, count: int, most: int) -> int:
    """The count, if it is from 1 to `most`. Raises InvalidValue."""
    if 1 <= count <= most:
        return count
    raise InvalidValue(f"{option} {count} is out of bounds; write 1 to {most}")


def cmd_list(args: argparse.Namespace, layout: Layout) -> ExitCode:
    refuse_missing(layout)
    enrolments = read_enrolments(layout.enrolments)
    asking = Counter(one.enrolment for one in waiting(layout))
    found = [Counted(enrolment=one, pending=asking[one.id]) for one in enrolments.found.values()]
    now = time.time()
    if args.json:
        say_json(
            now=now,
            enrolments=[counted_json(one) for one in found],
            broken=[{"id": id_, "why": why} for id_, why in enrolments.broken.items()],
        )
        return ExitCode.NOT_UP if enrolments.broken else ExitCode.OK
    for why in enrolments.broken.values():
        warn(why)
    if found:
        say(aligned(list_rows(found, now)))
    elif not enrolments.broken:
        narrate("there is no enrolment; make one with: reversi-checker enrol new")
    return ExitCode.NOT_UP if enrolments.broken else ExitCode.OK


def cmd_end(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = existing_registry(layout)
    enrolments = read_enrolments(layout.enrolments)
    if args.id not in {*enrolments.found, *enrolments.broken}:
        raise UnknownEnrolment(args.id, enrolments.found)
    enrolment = enrolments.found.get(args.id)
    asking = [one.name for one in waiting(layout) if one.enrolment == args.id]
    late = unaware(layout, registry, enrolment) if enrolment else ()
    plan = list(end_plan(args.id, enrolment, asking, late))
    if args.dry_run:
        would(plan)
        return ExitCode.OK
    refuse_others(layout)
    if asking or late:
        ask(args, f"end enrolment {args.id}", plan)
    stop_enrolment(layout, args.id, show_note)
    say(ended_line(args.id, asking, late))
    return ExitCode.OK
