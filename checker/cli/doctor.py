"""The verb `doctor`: what is wrong with this gateway, and how to fix it."""

from __future__ import annotations

import argparse
from dataclasses import replace

from checker.cli.answers import say_json
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_json, add_verb
from checker.config.layout import Layout
from checker.output import say


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    doctor = add_verb(
        verbs,
        "doctor",
        "check everything that a gateway needs, and say how to fix what is wrong",
        "sudo reversi-checker doctor",
        "sudo reversi-checker doctor --login",
        ending="exit status 1: something is wrong",
    )
    doctor.add_argument(
        "--login",
        action="store_true",
        help="also log in as a device does, to this machine and to each gateway address, with a key"
        " for one minute",
    )
    add_json(doctor)
    doctor.set_defaults(command=cmd_doctor)


def cmd_doctor(args: argparse.Namespace, layout: Layout) -> ExitCode:
    return judge(layout, has_login=args.login, as_document=args.json)


def judge(layout: Layout, *, has_login: bool = False, as_document: bool = False) -> ExitCode:
    """Print all findings. Raises CheckerError."""
    from checker.doctor.examine import examine
    from checker.doctor.findings import as_json, as_text, findings

    facts = examine(layout)
    if has_login and not facts.trouble:
        from checker.doctor.login_trial import log_in

        facts = replace(facts, trials=log_in(layout, facts))
    found = findings(facts)
    if as_document:
        say_json(**as_json(found))
    else:
        say(as_text(found))
    return ExitCode.NOT_UP if any(finding.ok is False for finding in found) else ExitCode.OK
