"""`reversi-tui`: the command line."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from checker.config import Layout, find_layout, load_config
from checker.model import CheckerError
from checker.store import StateError
from reversi_tui.columns import BY_ID, column_named
from reversi_tui.view import View

EXAMPLES = """\
examples:
  reversi-tui                                    the console
  reversi-tui --read-only --filter status:hung   look, and touch nothing
  reversi-tui --once --filter '!status:up'       what is not up; exit status 1 if anything is not
  reversi-tui --once --json --sort status        for scripts
"""


class ExitCode(IntEnum):
    """How it ended."""

    OK = 0
    NOT_UP = 1
    USAGE = 2
    STATE = 4
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Args:
    """The command line, read."""

    home: str | None
    read_only: bool
    filter_text: str
    sort_by: str
    once: bool
    as_json: bool


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="reversi-tui",
        description="Every tunnel of this gateway, live, with keys to kill, reset and probe.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--home", metavar="DIR", help="the gateway's directory (default: REVERSI_HOME, else the installed gateway)")
    made.add_argument("--read-only", action="store_true", help="kill, reset and probe are off")
    made.add_argument("--filter", metavar="TEXT", default="", help="show only rows with TEXT; !TEXT: without; COLUMN:TEXT: in that column")
    made.add_argument("--sort", metavar="COLUMN", default="node", help=f"one of: {', '.join(BY_ID)} (default: node)")
    made.add_argument("--once", action="store_true", help="print the table and leave; exit status 1 if anything shown is not up")
    made.add_argument("--json", action="store_true", help="as --once, one JSON document")
    return made


def parse(argv: Sequence[str] | None) -> Args:
    """The command line. Raises UnknownColumn."""
    given = parser().parse_args(argv)
    return Args(
        home=given.home,
        read_only=given.read_only,
        filter_text=given.filter,
        sort_by=column_named(given.sort).id,
        once=given.once or given.json,
        as_json=given.json,
    )


def run_once(args: Args, layout: Layout) -> ExitCode:
    """Raises StateError."""
    from reversi_tui.once import print_once

    every_s = load_config(layout.config).policy.probe_every_s
    view = View(sort_by=args.sort_by, filter_text=args.filter_text)
    all_up = print_once(layout, view, every_s=every_s, now=time.time(), as_json=args.as_json)
    return ExitCode.OK if all_up else ExitCode.NOT_UP


def run_console(args: Args, layout: Layout) -> int:
    """The console, until it is left."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise NoTerminal
    from reversi_tui.terminal import is_remote, prepare

    prepare(os.environ)
    from checker.control import Control
    from reversi_tui.app import Console
    from reversi_tui.setting import Setting
    from reversi_tui.source import ping

    control = Control(layout=layout, read_only=args.read_only)
    view = View(sort_by=args.sort_by, filter_text=args.filter_text)
    every_s = load_config(layout.config).policy.probe_every_s
    console = Console(Setting(layout=layout, acts=control, ping=lambda: ping(control), every_s=every_s), view)
    console.run(mouse=not is_remote(os.environ))
    return console.return_code or 0


class NoTerminal(CheckerError):
    """The console was asked for where there is no terminal."""

    def __init__(self) -> None:
        super().__init__("the console needs a terminal; for scripts there are --once and --json")


def main(argv: Sequence[str] | None = None) -> int:
    """Run it, and say in a sentence what could not be done."""
    try:
        args = parse(argv)
        layout = find_layout(args.home, os.environ)
        return run_once(args, layout) if args.once else run_console(args, layout)
    except StateError as error:
        code, sentence = ExitCode.STATE, str(error)
    except CheckerError as error:
        code, sentence = ExitCode.USAGE, str(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    print(f"reversi-tui: error: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
