"""`reversi-checker`: the command line of the gateway. Parses, calls, prints; stdout is data, stderr
is narration.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from checker import __version__, journal
from checker.cli.common import Verbs
from checker.cli.exit_codes import PROG, ExitCode, exit_code_of
from checker.config.layout import Layout, find_layout
from checker.output import sentence_of

Command = Callable[[argparse.Namespace, Layout], "ExitCode"]


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar, each verb with an example."""
    from checker.cli import acts, doctor, install, log, nodes, publish, report, run, status

    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Tests reverse SSH tunnels end to end, and frees the ports of those that hang.",
        epilog=(
            "Exit codes: 0 ok, 1 some tunnel is not up, 2 usage or configuration, 3 no daemon, 4"
            " state file, 70 bug, 130 interrupted."
        ),
    )
    parser.add_argument(
        "--home",
        metavar="DIR",
        help="keep all of this gateway under DIR (default: REVERSI_HOME, else as installed)",
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks, and log each probe")
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    run.add_to(verbs)
    status.add_to(verbs)
    acts.add_to(verbs)
    log.add_to(verbs)
    report.add_to(verbs)
    nodes.add_to(verbs)
    publish.add_to(verbs)
    install.add_to(verbs)
    doctor.add_to(verbs)
    have_understood_behind(verbs)
    return parser


def have_understood_behind(verbs: Verbs) -> None:
    """The options of the whole may stand behind a verb too."""
    for verb in verbs.choices.values():
        verb.add_argument(
            "--home", metavar="DIR", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
        verb.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
        for action in verb._actions:  # noqa: SLF001 - argparse has no public way to a parser's verbs
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - nor a name for them
                have_understood_behind(action)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and exit with the code that the outcome has."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> ExitCode:
    """One command; its exit code."""
    parsed = build_parser().parse_args(arguments)
    journal.start_logging(logging.DEBUG if parsed.debug else logging.INFO)
    command: Command = parsed.command
    try:
        return command(parsed, find_layout(parsed.home, os.environ))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001 - the root: whatever it is becomes a sentence and an exit code
        if parsed.debug:
            journal.write(traceback.format_exc().rstrip(), logging.ERROR)
        journal.write(f"{PROG}: error: {sentence_of(error)}", logging.ERROR)
        return exit_code_of(error)
