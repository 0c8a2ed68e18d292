"""The options of `reversi-client rollout`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from client.bundle.options import (
    BuildOptions,
    add_filter,
    add_gateway,
    add_settings,
    kept_lines,
    settings_from,
)

USUAL_AT_ONCE = 5
MOST_AT_ONCE = 100
USUAL_WITHIN_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutOptions:
    """The options of `rollout`, parsed."""

    nodes: Sequence[str]
    """Empty: all."""
    build: BuildOptions
    at_once: int
    within_s: int
    """How long each device may take."""
    user: str
    """The user on the device; empty: ssh's choice."""
    sudo: bool
    """Whether that user needs sudo to upgrade."""
    ports: Sequence[int]
    """Gateway ports to reach their nodes by, in place of the usual ones."""
    ssh_options: Sequence[str]
    again: bool
    """Also bring a bundle to devices that have it already."""
    dry_run: bool
    yes: bool


def count(most: int, what: str) -> Callable[[str], int]:
    """Return a reader of whole numbers from 1 to `most`."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} from 1 to {most}")
        return int(text)

    return read


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand `rollout`."""
    rollout = commands.add_parser(
        "rollout",
        help="on the gateway: upgrade the bundles of devices, each through its own tunnel",
        description=(
            "Run on the gateway. Build a bundle with --key keep for each node, copy it to the"
            " device with ssh through the node's tunnel, upgrade, and wait until the new tunnel"
            " works. One device goes first; if it works, several go at once. Stop after three"
            " failures in a row. Run it again to go on: it skips devices that are done."
        ),
        epilog="example: reversi-client rollout --all --gateway gw.example.org --gateway 192.0.2.7",
    )
    add_which(rollout)
    add_gateway(rollout)
    add_settings(rollout, default="default: as installed; usual")
    add_ssh(rollout)
    rollout.add_argument("--debug", action="store_true", help="show tracebacks")
    rollout.set_defaults(check=lambda typed: complaint(rollout, typed))


def add_which(rollout: argparse.ArgumentParser) -> None:
    """Add which devices, how many at once, and how careful to be."""
    rollout.add_argument("node", nargs="*", metavar="NODE", help="the nodes")
    rollout.add_argument("--all", action="store_true", help="all registered nodes")
    add_filter(rollout)
    rollout.add_argument(
        "--at-once",
        type=count(MOST_AT_ONCE, "a number"),
        default=USUAL_AT_ONCE,
        metavar="N",
        help=f"devices at once, after the first one worked (default: {USUAL_AT_ONCE})",
    )
    rollout.add_argument(
        "--within",
        type=count(86400, "a number of seconds"),
        default=USUAL_WITHIN_S,
        metavar="SECONDS",
        help=f"time for each device; then it counts as failed (default: {USUAL_WITHIN_S})",
    )
    rollout.add_argument(
        "--again", action="store_true", help="do not skip devices that have this bundle already"
    )
    rollout.add_argument(
        "--dry-run", action="store_true", help="show what would be done; connect to no device"
    )
    rollout.add_argument("--yes", action="store_true", help="do not ask")


def add_ssh(rollout: argparse.ArgumentParser) -> None:
    """Add how to log in to the devices."""
    rollout.add_argument(
        "--user",
        default="",
        metavar="USER",
        help="the user on the devices (default: as in your ssh configuration, `Host NODE`)",
    )
    rollout.add_argument(
        "--sudo", action="store_true", help="that user is not root, but may use sudo -n"
    )
    rollout.add_argument(
        "--port",
        type=count(65535, "a port"),
        action="append",
        default=[],
        metavar="PORT",
        help="the port that leads to a device's SSH server, if the choice is wrong; repeatable",
    )
    rollout.add_argument(
        "--ssh-option",
        action="append",
        default=[],
        metavar="OPTION",
        help="an option for ssh -o, such as IdentityFile=~/.ssh/fleet; repeatable",
    )


def complaint(parser: argparse.ArgumentParser, typed: argparse.Namespace) -> None:
    """Exit with a usage error if the options contradict each other."""
    if bool(typed.node) == typed.all:
        parser.error("name at least one NODE, or use --all")
    if typed.filter is not None and not typed.all:
        parser.error("--filter is for --all")
    if any("=" not in option.strip("= ") for option in typed.ssh_option):
        parser.error("--ssh-option takes NAME=VALUE, as ssh -o does")
    if typed.user.startswith("-"):
        parser.error(f"{typed.user!r} cannot be a user's name")


def wanted_from(typed: argparse.Namespace) -> RolloutOptions:
    """Check the options, and return them. Exit with a usage error if they do not fit."""
    typed.check(typed)
    return RolloutOptions(
        nodes=typed.node,
        build=BuildOptions(
            node=None,
            filter_text=typed.filter,
            home=typed.home,
            output=None,
            output_dir=Path(),
            gateways=typed.gateway,
            makes_key=False,
            private_key=Path(),
            forwards=[],
            settings=settings_from(typed),
            host_keys=typed.host_key,
            scans=typed.scans,
            keep=kept_lines(typed),
        ),
        at_once=typed.at_once,
        within_s=typed.within,
        user=typed.user,
        sudo=typed.sudo,
        ports=typed.port,
        ssh_options=typed.ssh_option,
        again=typed.again,
        dry_run=typed.dry_run,
        yes=typed.yes,
    )
