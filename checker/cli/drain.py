"""The verbs `drain` and `undrain`: send the nodes to other gateways, and take them again."""

from __future__ import annotations

import argparse
import time

from checker.cli.answers import say_json
from checker.cli.dialog import narrate, would
from checker.cli.exit_codes import ExitCode
from checker.cli.selection import confirm_many
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb, add_yes
from checker.config.layout import Layout, refuse_missing
from checker.control.draining import (
    begin_drain,
    drain_progress,
    draining_sentence,
    end_drain,
    here_lines,
    plan_lines,
    progress_line,
    question,
)
from checker.model.drain import DrainProgress, progress_json
from checker.output import say

LOOK_EVERY_S = 1.0
SAY_EVERY_S = 5.0


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    draining = add_verb(
        verbs,
        "drain",
        "send the nodes of this gateway to their other gateways",
        "sudo reversi-checker drain",
        "sudo reversi-checker drain --dry-run",
        ending=(
            "A device without another gateway comes back within half a minute, and stays.\n"
            "The drain lasts until `undrain`, also over a reboot. Exit status 1: some connection"
            " could not be ended."
        ),
    )
    draining.add_argument(
        "--again", action="store_true", help="also tell those again that came back"
    )
    draining.add_argument(
        "--no-wait", action="store_true", help="begin, and do not wait until they have left"
    )
    add_json(draining)
    add_yes(draining)
    add_dry_run(draining)
    draining.set_defaults(command=cmd_drain)
    ending = add_verb(
        verbs,
        "undrain",
        "take nodes again after a drain",
        "sudo reversi-checker undrain",
        "sudo reversi-checker undrain --dry-run",
        ending="Devices that moved stay where they are until they connect again.",
    )
    add_json(ending)
    add_dry_run(ending)
    ending.set_defaults(command=cmd_undrain)


def cmd_drain(args: argparse.Namespace, layout: Layout) -> ExitCode:
    refuse_missing(layout)
    progress = drain_progress(layout, again=args.again)
    if args.dry_run:
        would(plan_lines(progress.leavers))
        return ExitCode.OK
    if progress.drain is None or args.again:
        plan = plan_lines(progress.leavers)
        args.filter = None
        if plan:
            confirm_many(args, question(progress.leavers), plan, what="connections")
        progress = begin_drain(layout)
    else:
        narrate(draining_sentence(progress.drain))
    if not args.no_wait:
        progress = followed(layout, progress)
    report(args, progress)
    return ExitCode.NOT_UP if progress.failed else ExitCode.OK


def followed(layout: Layout, progress: DrainProgress) -> DrainProgress:
    """Show how far the drain is, until nobody is left to be ended, or it is ended."""
    said_at, said = time.monotonic(), ""
    try:
        while progress.drain is not None and not progress.done:
            line = progress_line(progress)
            if line != said and (not said or time.monotonic() - said_at >= SAY_EVERY_S):
                narrate(line)
                said_at, said = time.monotonic(), line
            time.sleep(LOOK_EVERY_S)
            progress = drain_progress(layout)
    except KeyboardInterrupt:
        narrate("the drain goes on; to end it, run: sudo reversi-checker undrain")
        raise
    return progress


def report(args: argparse.Namespace, progress: DrainProgress) -> None:
    """Print the outcome."""
    if args.json:
        say_json(**progress_json(progress), stayed=list(progress.stayed))
    elif progress.drain is None:
        say("this gateway drains no longer: somebody ran undrain")
    else:
        say(f"draining: {progress_line(progress)}")
        for line in here_lines(progress):
            say(line)


def cmd_undrain(args: argparse.Namespace, layout: Layout) -> ExitCode:
    refuse_missing(layout)
    before = drain_progress(layout)
    if args.dry_run:
        would(["take nodes again"] if before.drain is not None else [])
        return ExitCode.OK
    end_drain(layout)
    if args.json:
        say_json(drained=before.drain is not None)
    elif before.drain is None:
        narrate("this gateway did not drain")
    else:
        say("this gateway takes nodes again")
    return ExitCode.OK
