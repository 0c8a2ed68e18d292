"""The command line of `reversi-client`."""

from __future__ import annotations

import argparse
import asyncio
import enum
import json
import logging
import os
import signal
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checker import __version__, journal
from checker.arguments import Help, Parser
from client.bundle import options as build_options
from client.bundle.options import BuildOptions
from client.config import Config, load_config, read_private_key
from client.errors import ClientError, GatewayUnreachable, NoConfig
from client.rollout import options as rollout_options
from client.rollout.options import RolloutOptions
from client.service import options as service_options
from client.service.options import ServiceOptions

SYSTEM_CONFIG = Path("/etc/reversi/client.toml")


class ExitCode(enum.IntEnum):
    """The exit status of a command."""

    OK = 0
    NOT_UP = 1
    USAGE = 2
    UNREACHABLE = 3
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The command line, parsed."""

    command: str
    config: Path | None
    as_json: bool
    debug: bool
    wanted: BuildOptions | None
    """Only for `build`."""
    rollout: RolloutOptions | None
    """Only for `rollout`."""
    service: ServiceOptions | None
    """Only for `install` and `uninstall`."""
    key: Path | None
    """For `run`: the key's file, instead of the one that the configuration names."""
    status_file: Path | None
    """For `run`: instead of the one that the configuration names."""


VERBS = (
    (
        "run",
        "keep the tunnel in the foreground, until SIGTERM",
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
        "show the tunnel's state, as the running client last wrote it",
        "reversi-client status --config office.toml --json",
        True,
    ),
)
"""Name, summary, example, and whether it prints JSON."""


EPILOG = """\
examples:
  reversi-client run --config office.toml      on a device: keep the tunnel
  reversi-client install --config office.toml  on a device: keep it as a service, from each boot on
  reversi-client check --config office.toml    on a device: does the tunnel work?
  reversi-client build office                  on the gateway: make office.sh for the device
  reversi-client build --help                  the options of one command

exit status: 0 ok, 1 not up, 2 usage or configuration, 3 no gateway reached, 70 bug, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=(
            "the node's configuration (default: ~/.config/reversi/client.toml, else"
            " /etc/reversi/client.toml)"
        ),
    )
    common.add_argument(
        "--debug", action="store_true", help="log asyncssh's messages, and show tracebacks"
    )
    top: argparse.ArgumentParser = Parser(
        prog="reversi-client",
        description="Keep a node's reverse tunnel to the gateway alive.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    top.add_argument("--version", action="version", version=f"reversi-client {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary, example, reads in VERBS:
        command = commands.add_parser(
            name,
            parents=[common],
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"example: {example}",
        )
        if reads:
            command.add_argument(
                "--json", action="store_true", dest="as_json", help="print one JSON document"
            )
        if name == "run":
            add_places(command)
    service_options.add_to(commands, common)
    build_options.add_to(commands)
    rollout_options.add_to(commands)
    return top


def add_places(run: argparse.ArgumentParser) -> None:
    """Add the options by which a service gets its files from systemd."""
    for name, what in (("--key", "private key"), ("--status-file", "status file")):
        run.add_argument(
            name,
            type=Path,
            metavar="FILE",
            help=f"the {what}, instead of the one that the configuration names",
        )


def parse_arguments(argv: Sequence[str] | None) -> Arguments:
    typed = parser().parse_args(argv)
    return Arguments(
        command=typed.command,
        config=getattr(typed, "config", None),
        as_json=getattr(typed, "as_json", False),
        debug=typed.debug,
        wanted=build_options.wanted_from(typed) if typed.command == "build" else None,
        rollout=rollout_options.wanted_from(typed) if typed.command == "rollout" else None,
        service=service_options.wanted_from(typed),
        key=getattr(typed, "key", None) if typed.command == "run" else None,
        status_file=getattr(typed, "status_file", None),
    )


def find_config(typed: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the file that was typed, else the first default that exists. Raises NoConfig."""
    if typed is not None:
        return typed
    base = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    defaults = (base / "reversi" / "client.toml", SYSTEM_CONFIG)
    for path in defaults:
        if path.exists():
            return path
    raise NoConfig(defaults)


def start_logging(*, debug: bool) -> None:
    journal.start_logging(logging.INFO, "reversi-client: %(message)s")
    logging.getLogger("asyncssh").setLevel(logging.DEBUG if debug else logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.DEBUG if debug else logging.CRITICAL)


def cmd_run(config: Config, arguments: Arguments) -> ExitCode:
    from client.run import Runner

    config = replace(
        config,
        key=arguments.key or config.key,
        status_file=arguments.status_file or config.status_file,
    )
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
    from client.service.status_place import with_status_of_service

    report = Report(with_status_of_service(config))
    print(json.dumps(report.document()) if arguments.as_json else report.text())
    return ExitCode.OK if report.is_up else ExitCode.NOT_UP


def cmd_build(wanted: BuildOptions) -> ExitCode:
    if wanted.enrolment:
        from client.bundle.enrolment import build_enrolment

        build_enrolment(wanted)
        return ExitCode.OK
    from client.bundle.build import build

    return ExitCode.OK if build(wanted) else ExitCode.USAGE


def cmd_rollout(wanted: RolloutOptions) -> ExitCode:
    from client.rollout.run import roll_out

    return ExitCode.OK if roll_out(wanted) else ExitCode.NOT_UP


def cmd_service(wanted: ServiceOptions, config: Path | None) -> ExitCode:
    if wanted.installs:
        found = load_config(find_config(config, os.environ))
        service_options.install(found, dry_run=wanted.dry_run)
    else:
        service_options.uninstall(config, dry_run=wanted.dry_run)
    return ExitCode.OK


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
        f"a bug: {type(error).__name__}: {error}; run the command again with --debug and report"
        " the traceback"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    arguments = parse_arguments(argv)
    try:
        if arguments.wanted is not None:
            return cmd_build(arguments.wanted)
        if arguments.rollout is not None:
            return cmd_rollout(arguments.rollout)
        if arguments.service is not None:
            return cmd_service(arguments.service, arguments.config)
        config = load_config(find_config(arguments.config, os.environ))
        return COMMANDS[arguments.command](config, arguments)
    # The root: every error becomes a sentence and an exit status.
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        if arguments.debug:
            journal.write(traceback.format_exc().rstrip(), logging.ERROR)
        journal.write(f"reversi-client: error: {explain(error)}", logging.ERROR)
        return exit_code(error)
