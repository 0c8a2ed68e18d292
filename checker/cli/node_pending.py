"""The verbs `node pending`, `accept` and `reject`: devices that ask to become nodes."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from checker.cli.answers import node_json, say_json
from checker.cli.applicant_lines import applicant_json, devices, failures_json, pending_rows
from checker.cli.dialog import narrate, show_note, would
from checker.cli.exit_codes import ExitCode
from checker.cli.selection import add_filter, confirm_many, refuse_neither
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb, add_yes
from checker.config.layout import Layout, refuse_missing
from checker.control.applicant_list import applicants, removed_before
from checker.control.applicants import Named, accepted_line, named_by, question_lines
from checker.control.enrolling import accept, matching, reject
from checker.control.many_nodes import Failure
from checker.control.matching import NothingMatches
from checker.model import Applicant, InvalidValue, Node
from checker.output import aligned, say
from checker.registry.lock import refuse_others

WHO = "NAME[@FINGERPRINT]"
COMPARE = "Compare each fingerprint with what the device shows: sh reversi-ID.sh status."
SUCH = "tag:site-a or peer:203.0.113.7"
"""What a filter of devices may say."""


class NoFingerprint(InvalidValue):
    """Devices were chosen without their fingerprints, and nobody can be asked about them."""

    def __init__(self) -> None:
        super().__init__(
            "without a terminal, name each device with its fingerprint: reversi-checker node accept"
            " NAME@FINGERPRINT; both are in: reversi-checker node pending --json"
        )


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    pending = add_verb(
        actions,
        "pending",
        "list the devices that wait to be accepted",
        "reversi-checker node pending",
        "reversi-checker node pending --filter tag:site-a --json",
        ending=COMPARE,
    )
    add_filter(pending, "devices", SUCH)
    pending.add_argument(
        "--rejected", action="store_true", help="those that were rejected in the last 24 hours"
    )
    add_json(pending)
    pending.set_defaults(command=cmd_pending)
    add_accept(actions)
    add_reject(actions)


def add_accept(actions: Verbs) -> None:
    accepting = add_verb(
        actions,
        "accept",
        "make nodes of devices that wait: each gets its ports, and its key opens them",
        "reversi-checker node accept cam-1@SHA256:...",
        "reversi-checker node accept --filter tag:site-a",
        ending=f"{COMPARE}\nexit status: 1 if a device was not accepted",
    )
    accepting.add_argument(
        "names",
        nargs="*",
        metavar=WHO,
        help="which devices; without a terminal, and with --yes, the fingerprint is required",
    )
    add_filter(accepting, "devices", SUCH)
    accepting.add_argument(
        "--yes", action="store_true", help="do not ask about devices named with their fingerprint"
    )
    add_dry_run(accepting)
    add_json(accepting)
    accepting.set_defaults(command=cmd_accept, done="accepted")


def add_reject(actions: Verbs) -> None:
    rejecting = add_verb(
        actions,
        "reject",
        "refuse devices that wait",
        "reversi-checker node reject cam-1",
        "reversi-checker node reject --filter peer:203.0.113.7",
        ending="A device that was rejected can still be accepted, with its fingerprint.",
    )
    rejecting.add_argument("names", nargs="*", metavar=WHO, help="which devices")
    add_filter(rejecting, "devices", SUCH)
    add_yes(rejecting)
    add_dry_run(rejecting)
    add_json(rejecting)
    rejecting.set_defaults(command=cmd_reject, done="rejected")


def cmd_pending(args: argparse.Namespace, layout: Layout) -> ExitCode:
    refuse_missing(layout)
    known = applicants(layout)
    shown = [one for one in known if one.is_rejected == args.rejected]
    if args.filter is not None:
        try:
            shown = list(matching(layout, shown, args.filter))
        except NothingMatches as nothing:
            narrate(str(nothing))
            shown = []
    if args.json:
        say_json(now=time.time(), pending=list(map(applicant_json, shown)))
    elif shown:
        say(aligned(pending_rows(shown, time.time())))
    elif args.filter is None:
        narrate("no device was rejected lately" if args.rejected else "no device waits")
    rejected = sum(one.is_rejected for one in known)
    if rejected and not args.rejected and not args.json:
        narrate(f"{devices(rejected)} rejected lately; see them with --rejected")
    return ExitCode.OK


def cmd_accept(args: argparse.Namespace, layout: Layout) -> ExitCode:
    refuse_neither(args, args.names, WHO)
    refuse_missing(layout)
    shows_fingerprints = args.dry_run or (not args.yes and is_terminal())
    if args.filter is not None and not shows_fingerprints:
        raise NoFingerprint
    known = applicants(layout)
    named = chosen(args, layout, known)
    if not shows_fingerprints:
        named = named.proven
    for one in removed_before(layout, named.applicants):
        narrate(f"{one.name}: this device was a node before, which was removed")
    if args.dry_run:
        return rehearse(args, question_lines(named.applicants, known), named.failures)
    nodes: tuple[Node, ...] = ()
    failures = named.failures
    if named.applicants:
        refuse_others(layout)
        lines = question_lines(named.applicants, known)
        question = f"accept {devices(len(lines))}"
        is_asked = bool(named.unproven)
        confirm_many(args, question, lines, what="devices", ends=is_asked, shown=len(lines))
        accepted = accept(layout, named.applicants, show_note)
        nodes, failures = accepted.nodes, (*failures, *accepted.failures)
    if args.json:
        say_json(
            accepted=[node_json(node, layout) for node in nodes], failures=failures_json(failures)
        )
    else:
        for node in nodes:
            say(accepted_line(node))
    return told(args, failures)


def cmd_reject(args: argparse.Namespace, layout: Layout) -> ExitCode:
    refuse_neither(args, args.names, WHO)
    refuse_missing(layout)
    named = chosen(args, layout, applicants(layout))
    lines = question_lines(named.applicants, (), verb="reject")
    if args.dry_run:
        return rehearse(args, lines, named.failures)
    failures = named.failures
    if named.applicants:
        confirm_many(args, f"reject {devices(len(lines))}", lines, what="devices")
        failures = (*failures, *reject(layout, named.applicants))
    failed = {failure.name for failure in failures}
    done = [one for one in named.applicants if one.name not in failed]
    if args.json:
        say_json(rejected=list(map(applicant_json, done)), failures=failures_json(failures))
    else:
        for one in done:
            say(f"{one.name}: rejected")
    return told(args, failures)


def is_terminal() -> bool:
    """Whether the operator can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def chosen(args: argparse.Namespace, layout: Layout, known: Sequence[Applicant]) -> Named:
    """Whom the words or the filter choose. Raises CheckerError."""
    if args.filter is None:
        return named_by(args.names, known)
    waiting = [one for one in known if not one.is_rejected]
    found = matching(layout, waiting, args.filter)
    return Named(applicants=found, unproven=frozenset(one.fingerprint for one in found))


def rehearse(
    args: argparse.Namespace, lines: Sequence[str], failures: Sequence[Failure]
) -> ExitCode:
    """Print what would be done."""
    if args.json:
        say_json(dry_run=True, plan=list(lines), failures=failures_json(failures))
    else:
        would(lines)
    return told(args, failures)


def told(args: argparse.Namespace, failures: Sequence[Failure]) -> ExitCode:
    """Say which devices failed, unless the JSON document did; the exit status."""
    if not args.json:
        for failure in failures:
            say(f"{failure.name}: not {args.done}: {failure.why}")
    return ExitCode.NOT_UP if failures else ExitCode.OK
