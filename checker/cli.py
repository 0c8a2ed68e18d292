"""`reversi-checker`: the command line of the gateway. Parses, calls, prints; stdout is data, stderr is narration."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from enum import IntEnum

from checker import __version__
from checker.config import Layout, find_layout
from checker.control import DaemonAbsent
from checker.model import CheckerError
from checker.store import StateError

Command = Callable[[argparse.Namespace, Layout], "ExitCode"]
PROG = "reversi-checker"


class ExitCode(IntEnum):
    """What a run means to a script."""

    OK = 0
    NOT_UP = 1
    USAGE = 2
    UNREACHABLE = 3
    STATE = 4
    BUG = 70
    INTERRUPTED = 130


def exit_code_of(error: CheckerError) -> ExitCode:
    """The exit code of an error, in one place."""
    if isinstance(error, StateError):
        return ExitCode.STATE
    if isinstance(error, DaemonAbsent):
        return ExitCode.UNREACHABLE
    return ExitCode.USAGE


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar, each verb with an example."""
    from checker import commands, node_commands
    from checker.publishing import publish_commands
    from checker.system import install_commands

    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Tests reverse SSH tunnels end to end, and frees the ports of those that hang.",
        epilog="Exit codes: 0 ok, 1 some tunnel is not up, 2 usage or configuration, 3 no daemon, 4 state file, 70 bug, 130 interrupted.",
    )
    parser.add_argument("--home", metavar="DIR", help="keep all of this gateway under DIR (default: REVERSI_HOME, else as installed)")
    parser.add_argument("--debug", action="store_true", help="show tracebacks, and log each probe")
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    commands.add_to(verbs)
    node_commands.add_to(verbs)
    publish_commands.add_to(verbs)
    install_commands.add_to(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and exit with the code that the outcome has."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> ExitCode:
    """One command; its exit code."""
    parsed = build_parser().parse_args(arguments)
    level = logging.DEBUG if parsed.debug else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    command: Command = parsed.command
    try:
        return command(parsed, find_layout(parsed.home, os.environ))
    except CheckerError as error:
        if parsed.debug:
            traceback.print_exc()
        print(f"{PROG}: error: {error}", file=sys.stderr)
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001 - the root: a bug is told as one, and nothing else is lost
        if parsed.debug:
            traceback.print_exc()
        print(f"{PROG}: error: a bug in reversi: {error!r}; run it again with --debug, and report what it prints", file=sys.stderr)
        return ExitCode.BUG
