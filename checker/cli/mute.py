"""The verbs `mute`, `unmute` and `mutes`: for whom no alerts are sent, and until when."""

from __future__ import annotations

import argparse

from checker.cli.exit_codes import ExitCode
from checker.cli.muting import mute, show_mutes, unmute
from checker.cli.selection import add_filter, add_yes_to_many
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb
from checker.config.layout import Layout

ONLY_ALERTS = "Only the alerts stop: probes, kills, resets and the log go on as before."


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    muting = add_verb(
        verbs,
        "mute",
        "send no alerts about nodes for some time",
        "reversi-checker mute office 2h --why 'new roof'",
        "reversi-checker mute --filter tag:site-a 2026-11-30T08:00 --why 'no power'",
        ending=f"{ONLY_ALERTS}\nA mute ends by itself, after 1 minute to 90 days.",
    )
    muting.add_argument(
        "words",
        nargs="*",
        metavar="NODE|NODE:PORT|PORT ... TIME",
        help="what to mute, and until when: 30m, 2h, 3d, 1w, 08:00, 2026-11-30T08:00",
    )
    add_filter(muting)
    muting.add_argument("--why", metavar="TEXT", help="the reason (required)")
    muting.add_argument("--list", action="store_true", help="show what is muted, as `mutes` does")
    add_json(muting)
    add_yes_to_many(muting)
    add_dry_run(muting)
    muting.set_defaults(command=cmd_mute)
    add_unmuting(verbs)
    showing = add_verb(
        verbs,
        "mutes",
        "show what is muted: until when, by whom, and why",
        "reversi-checker mutes",
    )
    add_json(showing)
    showing.set_defaults(command=show_mutes)


def add_unmuting(verbs: Verbs) -> None:
    unmuting = add_verb(
        verbs,
        "unmute",
        "send alerts about nodes again",
        "reversi-checker unmute office",
        "reversi-checker unmute --filter tag:site-a",
        "reversi-checker unmute --all",
    )
    unmuting.add_argument(
        "words",
        nargs="*",
        metavar="NODE|NODE:PORT|PORT",
        help="what to unmute; a node is unmuted with its ports",
    )
    unmuting.add_argument(
        "--filter", metavar="TEXT", help="the mute that was made with exactly this filter"
    )
    unmuting.add_argument("--all", action="store_true", help="everything that is muted")
    add_json(unmuting)
    add_dry_run(unmuting)
    unmuting.set_defaults(command=unmute)


def cmd_mute(args: argparse.Namespace, layout: Layout) -> ExitCode:
    return show_mutes(args, layout) if args.list else mute(args, layout)
