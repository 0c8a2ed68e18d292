"""The options of `reversi-client build`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.arguments import Help
from client.bundle.settings import Settings
from client.paths import ONLY, PATHS

TYPED_SETTINGS = ("beat", "retry", "first_wait", "client")
"""The settings that have an option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """The options of `build`, parsed."""

    node: str | None
    """None: all nodes."""
    enrolment: str = ""
    """Not for a node: for all devices that ask with the key of this enrolment."""
    filter_text: str | None = None
    """Of all nodes, only those that match; None: all."""
    home: str | None
    output: Path | None
    output_dir: Path
    gateways: list[str] | None
    """None: this one; in a fleet each node's gateways in its order, as their cards say."""
    makes_key: bool
    """The device makes its own key."""
    private_key: Path
    """A file, or the directory with the nodes' keys."""
    forwards: list[str]
    settings: Settings
    host_keys: Sequence[str] = ()
    """`[ID=]FILE` each: public host keys to pin, besides those that this machine has."""
    keep: Sequence[str] = ()
    """Header lines to take over from the installed bundle; its key is one. Empty: none."""
    path: int = ONLY
    """Of a node that keeps two tunnels: the one that the bundle is for."""
    scans: bool = True
    """Compare the host keys with those that the gateway's addresses offer."""


def seconds(text: str) -> str:
    """Check that the text is a whole number of seconds, and return it in its shortest form."""
    if not text.isascii() or not text.isdecimal() or not 0 <= int(text) <= 86400:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number of seconds from 0 to 86400"
        )
    return str(int(text))


def period(text: str) -> str:
    """Like `seconds`, but refuse 0."""
    if seconds(text) == "0":
        raise argparse.ArgumentTypeError("must be at least 1 second")
    return seconds(text)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand `build`."""
    build = commands.add_parser(
        "build",
        help="on the gateway: make one file that installs a node's tunnel on its device",
        description=(
            "Run on the gateway. Make NODE.sh, a POSIX sh script that installs itself on the node's"
            " device and keeps the tunnel with the device's own SSH client."
        ),
        epilog=(
            "example: reversi-client build office && scp -O office.sh root@192.168.1.1:/tmp/\n"
            "         reversi-client build --all --filter tag:site-a --output-dir bundles\n"
            "         reversi-client build --enrol yard"
        ),
        formatter_class=Help,
    )
    add_names(build)
    add_gateway(build)
    add_places(build)
    add_keys(build)
    add_settings(build)
    build.add_argument("--debug", action="store_true", help="show tracebacks")
    build.set_defaults(check=lambda typed: complaint(build, typed))


def add_names(build: argparse.ArgumentParser) -> None:
    """Add what to build."""
    build.add_argument(
        "node",
        nargs="?",
        metavar="NODE",
        help="the node; it must be registered, except with --forward",
    )
    build.add_argument("--all", action="store_true", help="build for every registered node")
    add_filter(build)
    build.add_argument(
        "--enrol",
        metavar="ID",
        help="make one file for all devices: each asks to become a node, by this enrolment",
    )
    build.add_argument(
        "--forward",
        action="append",
        default=[],
        metavar="PORT=HOST:PORT[,EXPECT]",
        help="with --key device: a forward of a node that is not registered yet; repeatable",
    )
    build.add_argument(
        "--path",
        type=int,
        choices=PATHS,
        default=ONLY,
        help="of a node that keeps two tunnels: the one to build for, over every other gateway",
    )


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Add which of all nodes."""
    parser.add_argument(
        "--filter",
        metavar="TEXT",
        help=(
            "with --all: only the nodes that match, as in tag:site-a; docs/filter.md has the"
            " language"
        ),
    )


def add_places(build: argparse.ArgumentParser) -> None:
    """Add where to write."""
    build.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the file to write; - for standard output (default: NODE.sh in --output-dir)",
    )
    build.add_argument(
        "--output-dir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the directory to write to (default: the current one)",
    )


def add_gateway(build: argparse.ArgumentParser) -> None:
    """Add where the gateway is, and how nodes recognize it."""
    build.add_argument(
        "--home", metavar="DIR", help="the gateway's directory, as for reversi-checker"
    )
    build.add_argument(
        "--gateway",
        action="append",
        metavar="[ID=]HOST[:PORT]",
        help=(
            "where the node reaches a gateway (default: gateway in reversi.toml; in a fleet, all"
            " gateways in the node's order, as their cards say); repeatable, in the order in which"
            " it tries them; the ID ties host keys to it"
        ),
    )
    build.add_argument(
        "--host-key",
        action="append",
        default=[],
        metavar="[ID=]FILE",
        help=(
            "public host keys of the gateway with that ID, which is another machine; without an ID,"
            " of this machine, besides those that it has, such as one to come; repeatable"
        ),
    )
    build.add_argument(
        "--no-scan",
        action="store_false",
        dest="scans",
        help="do not compare the host keys with those that the gateway's addresses offer",
    )


def add_keys(build: argparse.ArgumentParser) -> None:
    """Add where the node's key comes from."""
    build.add_argument(
        "--key",
        choices=("embed", "device", "keep"),
        default="embed",
        help=(
            "put the private key into the file, let the device make one, or keep that of the"
            " installed bundle, and its settings, on upgrade (default: embed)"
        ),
    )
    build.add_argument(
        "--private-key",
        type=Path,
        default=Path(),
        metavar="PATH",
        help=(
            "the key that node add or node rekey handed out, or the directory that has it (default:"
            " the current one)"
        ),
    )


def add_settings(build: argparse.ArgumentParser, *, default: str = "default") -> None:
    """Add how often the bundle beats and tries again, and its SSH client."""
    for option, read, usual, what in (
        ("--beat", period, "10", "time between two beats"),
        ("--retry", period, "15", "longest wait before the next try"),
        ("--first-wait", seconds, "0", "wait before the first try"),
    ):
        build.add_argument(
            option, type=read, metavar="SECONDS", help=f"{what} ({default}: {usual})"
        )
    build.add_argument(
        "--client",
        metavar="PROGRAM",
        help=f"the SSH client ({default}: OpenSSH's, else dropbear's)",
    )


def complaint(parser: argparse.ArgumentParser, typed: argparse.Namespace) -> None:
    """Exit with a usage error if the options contradict each other."""
    if typed.enrol is not None:
        refuse_beside_enrol(parser, typed)
    elif (typed.node is None) != typed.all:
        parser.error("name one NODE, or use --all, or --enrol ID")
    if typed.filter is not None and not typed.all:
        parser.error("--filter is for --all")
    if typed.all and typed.path:
        parser.error("--path is for one NODE; --all makes both bundles of a node with two paths")
    if typed.all and (typed.output or typed.forward):
        parser.error("--output and --forward are for one NODE; with --all, use --output-dir")
    if typed.forward and typed.key != "device":
        parser.error(
            "--forward is for --key device; to embed a key, first register the node with"
            " reversi-checker node add"
        )


def refuse_beside_enrol(parser: argparse.ArgumentParser, typed: argparse.Namespace) -> None:
    """Exit with a usage error if there is an option for bundles of nodes."""
    others = (
        ("NODE", typed.node),
        ("--all", typed.all),
        ("--forward", typed.forward),
        ("--path", typed.path),
        ("--key", typed.key != "embed"),
        ("--private-key", typed.private_key != Path()),
    )
    for name, is_typed in others:
        if is_typed:
            parser.error(f"{name} is for the bundle of a node; leave it out with --enrol")


def settings_from(typed: argparse.Namespace) -> Settings:
    values = {name: getattr(typed, name) for name in TYPED_SETTINGS}
    return Settings(**{name: value for name, value in values.items() if value is not None})


def kept_lines(typed: argparse.Namespace) -> tuple[str, ...]:
    """Return what a bundle with `--key keep` takes over: also the settings that were not typed."""
    settings = (name.upper() for name in TYPED_SETTINGS if getattr(typed, name) is None)
    return ("KEY", *settings, "STARTED_BY")


def wanted_from(typed: argparse.Namespace) -> BuildOptions:
    """Check the options, and return them. Exit with a usage error if they do not fit."""
    typed.check(typed)
    return BuildOptions(
        node=typed.node,
        enrolment=typed.enrol or "",
        filter_text=typed.filter,
        home=typed.home,
        output=typed.output,
        output_dir=typed.output_dir,
        gateways=typed.gateway,
        makes_key=typed.key == "device",
        private_key=typed.private_key,
        forwards=typed.forward,
        settings=settings_from(typed),
        host_keys=typed.host_key,
        scans=typed.scans,
        path=typed.path,
        keep=kept_lines(typed) if typed.key == "keep" else (),
    )
