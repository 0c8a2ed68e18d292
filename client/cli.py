"""The command line of `reversi-client`."""

from __future__ import annotations

import argparse
import asyncio
import enum
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from checker import __version__
from client.bundle.options import Wanted, add_to, wanted_from
from client.config import Config, load_config, read_private_key
from client.errors import ClientError, GatewayUnreachable, NoConfig

SYSTEM_CONFIG = Path("/etc/reversi/client.toml")


class ExitCode(enum.IntEnum):
    """What the caller is told."""

    OK = 0
    NOT_UP = 1
    USAGE = 2
    UNREACHABLE = 3
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What was typed."""

    command: str
    config: Path | None
    as_json: bool
    debug: bool
    wanted: Wanted | None
    """For `build` alone."""


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=(
            "the node's configuration (default: ~/.config/reversi/client.toml, else /etc/reversi/)"
        ),
    )
    common.add_argument(
        "--debug", action="store_true", help="log what asyncssh does, and show tracebacks"
    )
    top = argparse.ArgumentParser(
        prog="reversi-client", description="Keeps a node's reverse tunnel to the gateway."
    )
    top.add_argument("--version", action="version", version=f"reversi-client {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary, example, reads in (
        (
            "run",
            "hold the tunnel, in the foreground, until SIGTERM",
            "reversi-client run --config office.toml",
            False,
        ),
        (
            "check",
            "log in once and ask the gateway whether the tunnel works",
            "reversi-client check --config office.toml --json",
            True,
        ),
        (
            "status",
            "show what the running client last wrote",
            "reversi-client status --config office.toml --json",
            True,
        ),
    ):
        command = commands.add_parser(
            name,
            parents=[common],
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"example: {example}",
        )
        if reads:
            command.add_argument(
                "--json", action="store_true", dest="as_json", help="one JSON document on stdout"
            )
    add_to(commands)
    return top


def parse_arguments(argv: Sequence[str] | None) -> Arguments:
    typed = parser().parse_args(argv)
    return Arguments(
        command=typed.command,
        config=getattr(typed, "config", None),
        as_json=getattr(typed, "as_json", False),
        debug=typed.debug,
        wanted=wanted_from(typed) if typed.command == "build" else None,
    )


def find_config(typed: Path | None, environ: Mapping[str, str]) -> Path:
    """The file typed, else the first default that exists. Raises NoConfig."""
    if typed is not None:
        return typed
    base = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    looked = (base / "reversi" / "client.toml", SYSTEM_CONFIG)
    for path in looked:
        if path.exists():
            return path
    raise NoConfig(looked)


def start_logging(*, debug: bool) -> None:
    logging.basicConfig(stream=sys.stderr, format="reversi-client: %(message)s", level=logging.INFO)
    logging.getLogger("asyncssh").setLevel(logging.DEBUG if debug else logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.DEBUG if debug else logging.CRITICAL)


def cmd_run(config: Config, arguments: Arguments) -> ExitCode:
    from client.run import Runner

    read_private_key(config)
    start_logging(debug=arguments.debug)
    ended_by = asyncio.run(Runner(config).run())
    return ExitCode.INTERRUPTED if ended_by is signal.SIGINT else ExitCode.OK


def cmd_check(config: Config, arguments: Arguments) -> ExitCode:
    from client.check import check

    start_logging(debug=arguments.debug)
    verdict = asyncio.run(check(config))
    print(json.dumps(verdict.document) if arguments.as_json else verdict.sentence)
    return ExitCode.OK if verdict.wait_s == 0 else ExitCode.NOT_UP


def cmd_status(config: Config, arguments: Arguments) -> ExitCode:
    from client.report import Report

    report = Report(config)
    print(json.dumps(report.document()) if arguments.as_json else report.text())
    return ExitCode.OK if report.is_up else ExitCode.NOT_UP


def cmd_build(wanted: Wanted) -> ExitCode:
    from client.bundle.build import build

    return ExitCode.OK if build(wanted) else ExitCode.USAGE


COMMANDS = {"run": cmd_run, "check": cmd_check, "status": cmd_status}


def exit_code(error: BaseException) -> ExitCode:
    match error:
        case GatewayUnreachable():
            return ExitCode.UNREACHABLE
        case ClientError():
            return ExitCode.USAGE
        case KeyboardInterrupt():
            return ExitCode.INTERRUPTED
        case _:
            return ExitCode.BUG


def explain(error: BaseException) -> str:
    if isinstance(error, ClientError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return (
        f"a bug: {type(error).__name__}: {error}; run it again with --debug and report the"
        " traceback"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command's exit code."""
    arguments = parse_arguments(argv)
    try:
        if arguments.wanted is not None:
            return cmd_build(arguments.wanted)
        config = load_config(find_config(arguments.config, os.environ))
        return COMMANDS[arguments.command](config, arguments)
    # The root: whatever it is becomes a sentence and an exit code.
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        if arguments.debug:
            traceback.print_exc()
        print(f"reversi-client: error: {explain(error)}", file=sys.stderr)
        return exit_code(error)
