"""The verbs `up` and `serve`: run a gateway in the foreground."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING

from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_verb
from checker.config.layout import Layout
from checker.model import InvalidValue
from checker.output import NotPrinted, say

if TYPE_CHECKING:
    from checker.fleet.placing import CardPlacing

log = logging.getLogger(__name__)


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    up = add_verb(
        verbs,
        "up",
        "run a private sshd and the daemon in the foreground",
        "reversi-checker --home ~/gateway up --ssh-port 2222",
    )
    up.add_argument(
        "--ssh-port",
        type=int,
        default=2222,
        metavar="N",
        help="port of the private sshd (default 2222; 0: any free port)",
    )
    up.add_argument(
        "--listen",
        default="127.0.0.1",
        metavar="ADDR",
        help="address of the private sshd (default 127.0.0.1)",
    )
    up.set_defaults(command=cmd_up)
    serve = add_verb(
        verbs,
        "serve",
        "run only the daemon, beside an sshd that is already running",
        "reversi-checker --home ~/gateway serve",
    )
    serve.set_defaults(command=cmd_serve)


def announce(line: str) -> None:
    """Print it; a gateway keeps running if nobody can read it."""
    try:
        say(line)
    except (NotPrinted, BrokenPipeError) as error:
        log.warning("%s; not printed: %s", error, line)


def placing_of(layout: Layout) -> CardPlacing | None:
    """Return what says where nodes belong; None: it is in no fleet. Raises ConfigError."""
    from checker.config.settings import load_config

    settings = load_config(layout.config).fleet
    if settings is None:
        return None
    from checker.fleet.placing import CardPlacing

    return CardPlacing(layout, settings)


def cmd_up(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.daemon.serve import up

    if not 0 <= args.ssh_port < 65536:
        raise InvalidValue(
            f"--ssh-port {args.ssh_port} is not a port; write a number from 1 to 65535, or 0 for"
            " any free port"
        )
    import asyncio  # slow to load

    placing = placing_of(layout)
    asyncio.run(up(layout, listen=args.listen, port=args.ssh_port, say=announce, placing=placing))
    return ExitCode.OK


def cmd_serve(args: argparse.Namespace, layout: Layout) -> ExitCode:  # noqa: ARG001 - all commands are called alike
    import asyncio  # slow to load

    from checker.daemon.serve import serve

    asyncio.run(serve(layout, announce, placing_of(layout)))
    return ExitCode.OK
