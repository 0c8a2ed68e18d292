"""The verbs `up` and `serve`."""

from __future__ import annotations

import argparse
import asyncio
import logging

from checker.cli.common import Verbs
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.model import InvalidValue
from checker.output import NotPrinted, say

log = logging.getLogger(__name__)


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    up = verbs.add_parser(
        "up",
        help="a private sshd and the daemon, in the foreground",
        formatter_class=raw,
        epilog="example: reversi-checker --home ~/gateway up --ssh-port 2222",
    )
    up.add_argument(
        "--ssh-port",
        type=int,
        default=2222,
        metavar="N",
        help="where its sshd listens (default 2222; 0: any free one)",
    )
    up.add_argument(
        "--listen",
        default="127.0.0.1",
        metavar="ADDR",
        help="the address that it listens on (default 127.0.0.1)",
    )
    up.set_defaults(command=cmd_up)
    serve = verbs.add_parser(
        "serve",
        help="the daemon alone, beside an sshd that runs already",
        formatter_class=raw,
        epilog="example: reversi-checker --home ~/gateway serve",
    )
    serve.set_defaults(command=cmd_serve)


def announce(line: str) -> None:
    """Say it; who can not be told loses no gateway."""
    try:
        say(line)
    except (NotPrinted, BrokenPipeError) as error:
        log.warning("%s; not said: %s", error, line)


def cmd_up(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.daemon.serve import up

    if not 0 <= args.ssh_port < 65536:
        raise InvalidValue(
            f"--ssh-port {args.ssh_port} is not a port; write a number from 1 to 65535, or 0 for"
            " any free one"
        )
    asyncio.run(up(layout, listen=args.listen, port=args.ssh_port, say=announce))
    return ExitCode.OK


def cmd_serve(args: argparse.Namespace, layout: Layout) -> ExitCode:  # noqa: ARG001 - all commands are called alike
    from checker.daemon.serve import serve

    asyncio.run(serve(layout, announce))
    return ExitCode.OK
