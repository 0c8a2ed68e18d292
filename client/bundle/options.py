"""The options of `reversi-client build`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from client.bundle.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was typed."""

    node: str | None
    """None: all of them."""
    home: str | None
    output: Path | None
    output_dir: Path
    gateways: list[str] | None
    makes_key: bool
    """The device makes its own key."""
    private_key: Path
    """A file, or the directory where the nodes' keys are."""
    forwards: list[str]
    settings: Settings


def seconds(text: str) -> str:
    """A whole number of seconds, as text."""
    if not text.isascii() or not text.isdecimal() or not 0 <= int(text) <= 86400:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number of seconds from 0 to 86400"
        )
    return str(int(text))


def period(text: str) -> str:
    """A number of seconds that is not 0."""
    if seconds(text) == "0":
        raise argparse.ArgumentTypeError("0 seconds would be no pause at all")
    return seconds(text)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `build`."""
    build = commands.add_parser(
        "build",
        help="make the one file that installs a node's tunnel on any device; runs on the gateway",
        description=(
            "Makes NODE.sh: one POSIX sh file that keeps the node's tunnel with the device's own"
            " ssh, and installs itself."
        ),
        epilog="example: reversi-client build office && scp -O office.sh root@192.168.1.1:/tmp/",
    )
    build.add_argument("node", nargs="?", metavar="NODE", help="a registered node")
    build.add_argument("--all", action="store_true", help="every registered node")
    build.add_argument(
        "--home", metavar="DIR", help="the gateway's directory, as of reversi-checker"
    )
    build.add_argument(
        "--output", type=Path, metavar="FILE", help="default: NODE.sh in --output-dir"
    )
    build.add_argument(
        "--output-dir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="default: the current directory",
    )
    build.add_argument(
        "--gateway",
        action="append",
        metavar="HOST[:PORT]",
        help="how the node reaches the gateway; may be given again",
    )
    build.add_argument(
        "--key",
        choices=("embed", "device"),
        default="embed",
        help="carry the private key, or let the device make one",
    )
    build.add_argument(
        "--private-key",
        type=Path,
        default=Path(),
        metavar="PATH",
        help=(
            "what node add or node rekey handed over, or the directory where it lies (default: the"
            " current one)"
        ),
    )
    build.add_argument(
        "--forward",
        action="append",
        default=[],
        metavar="PORT=HOST:PORT[,EXPECT]",
        help="with --key device: of a node not registered yet",
    )
    build.add_argument(
        "--beat",
        type=period,
        default="10",
        metavar="SECONDS",
        help="between two beats (default: 10)",
    )
    build.add_argument(
        "--retry",
        type=period,
        default="15",
        metavar="SECONDS",
        help="between two tries, at most (default: 15)",
    )
    build.add_argument(
        "--first-wait",
        type=seconds,
        default="0",
        metavar="SECONDS",
        help="before the first try (default: 0)",
    )
    build.add_argument(
        "--client",
        default="",
        metavar="PROGRAM",
        help="the SSH client (default: OpenSSH's, else dropbear's)",
    )
    build.add_argument("--debug", action="store_true", help="show tracebacks")
    build.set_defaults(check=lambda typed: complaint(build, typed))


def complaint(parser: argparse.ArgumentParser, typed: argparse.Namespace) -> None:
    """Ends with a usage error where the options contradict each other."""
    if (typed.node is None) != typed.all:
        parser.error("name one NODE, or give --all")
    if typed.all and (typed.output or typed.forward):
        parser.error("--output and --forward are for one NODE; with --all, give --output-dir")
    if typed.forward and typed.key != "device":
        parser.error(
            "--forward is for --key device; a node whose key is made here is registered first, with"
            " reversi-checker node add"
        )


def wanted_from(typed: argparse.Namespace) -> Wanted:
    """The options as typed."""
    typed.check(typed)
    return Wanted(
        node=typed.node,
        home=typed.home,
        output=typed.output,
        output_dir=typed.output_dir,
        gateways=typed.gateway,
        makes_key=typed.key == "device",
        private_key=typed.private_key,
        forwards=typed.forward,
        settings=Settings(
            beat=typed.beat, retry=typed.retry, first_wait=typed.first_wait, client=typed.client
        ),
    )
