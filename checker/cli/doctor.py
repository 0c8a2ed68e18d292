"""The verb `doctor`: what is wrong with this gateway, and how to fix it."""

from __future__ import annotations

import argparse

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
        ending="exit status 1: something is wrong",
    )
    add_json(doctor)
    doctor.set_defaults(command=cmd_doctor)


def cmd_doctor(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.doctor.examine import examine
    from checker.doctor.findings import as_json, as_text, findings

    found = findings(examine(layout))
    if args.json:
        say_json(**as_json(found))
    else:
        say(as_text(found))
    return ExitCode.NOT_UP if any(finding.ok is False for finding in found) else ExitCode.OK
