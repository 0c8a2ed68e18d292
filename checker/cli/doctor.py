"""The verb `doctor`."""

from __future__ import annotations

import argparse
import json

from checker.cli.common import Verbs
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.output import say


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    doctor = verbs.add_parser(
        "doctor",
        help="each thing that must be true of a gateway, and what mends it",
        formatter_class=raw,
        epilog="example: sudo reversi-checker doctor\nexit code 1: something is wrong",
    )
    doctor.add_argument("--json", action="store_true", help="one JSON document")
    doctor.set_defaults(command=cmd_doctor)


def cmd_doctor(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.doctor.examine import examine
    from checker.doctor.findings import as_json, as_text, findings

    found = findings(examine(layout))
    say(json.dumps({"schema": 1, **as_json(found)}, indent=2) if args.json else as_text(found))
    return ExitCode.NOT_UP if any(finding.ok is False for finding in found) else ExitCode.OK
