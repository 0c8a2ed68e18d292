"""The verb `ssh-config`: the nodes as hosts for ssh, and for all that uses it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from checker.cli.dialog import narrate
from checker.cli.exit_codes import ExitCode
from checker.cli.nodes_for_ssh import add_way, chosen_nodes, way_of
from checker.cli.verbs import Verbs, add_verb
from checker.config.files import write_changed
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import pinned_keys_file
from checker.output import say
from checker.registry.ssh_config_text import ssh_config
from checker.registry.ssh_hosts import SshHosts, Way, refuse_jump_that_is_node

ENDING = """\
From your own computer, into a file there, such as ~/.ssh/config.d/reversi:
         ssh gw reversi-checker ssh-config --jump gw
Left out are nodes that are disabled, expired or broken, and those without a
forward to an SSH server: one that has a pinned host key, expects
banner:SSH-..., or leads to port 22 and expects neither http nor tls."""


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "ssh-config",
        "print a configuration for ssh, in which each node is a host",
        "reversi-checker ssh-config --output ~/.ssh/config.d/reversi",
        ending=ENDING,
    )
    add_way(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--output", metavar="FILE", type=Path, help="write it to this file, if anything changed"
    )
    form.add_argument(
        "--names", action="store_true", help="print only the names, for tools such as pssh"
    )
    parser.set_defaults(command=cmd_ssh_config)


def cmd_ssh_config(args: argparse.Namespace, layout: Layout) -> ExitCode:
    way = way_of(args, layout)
    found = chosen_nodes(args, layout, way).found
    refuse_jump_that_is_node(found.hosts, way)
    if args.names:
        say("".join(f"{host.name}\n" for host in found.hosts), end="")
        return ExitCode.OK
    text = ssh_config(found, way)
    if args.output is None:
        say(text, end="")
    elif put(args.output, text.encode("ascii")):
        say(f"wrote {args.output}: {counted(found)}")
    else:
        if sys.stdout.isatty():  # a cron job would mail it
            say(f"nothing to change in {args.output}: {counted(found)}")
        return ExitCode.OK
    tell_of_pins(found, way)
    return ExitCode.OK


def put(path: Path, content: bytes) -> bool:
    """Write the file whole or not at all; return False if it has this content. Raises
    ConfigError.
    """
    try:
        path = path.expanduser()
        refuse_link_of_others(path)
        path = path.resolve()  # a link stays a link
        if path.exists() and not path.is_file():
            raise ConfigError(path, "is not a file; write --output FILE")
        if path.exists() and path.read_bytes() == content:
            return False
    except (OSError, RuntimeError) as error:
        raise ConfigError(path, f"cannot be used ({error}); write another --output") from error
    write_changed(path, content, mode=mode_beside(path))
    return True


def refuse_link_of_others(path: Path) -> None:
    """Raise ConfigError if another account made the link in a directory that is not its own, as
    anybody can in /tmp: as root we would write where it wants. Raises OSError.
    """
    if not path.is_symlink():
        return
    if path.lstat().st_uid not in (0, os.geteuid(), path.parent.stat().st_uid):
        raise ConfigError(path, "is a link of another account; write another --output")


def mode_beside(path: Path) -> int:
    """The mode of a new file: for all users in a directory that they may enter (/etc/ssh), else
    only for the owner (~/.ssh).
    """
    folder = next(parent for parent in path.parents if parent.is_dir())
    return 0o644 if folder.stat().st_mode & 0o001 else 0o600


def counted(found: SshHosts) -> str:
    hosts = "1 host" if len(found.hosts) == 1 else f"{len(found.hosts)} hosts"
    return f"{hosts}; left out: {found.left_out}" if found.left_out else hosts


def tell_of_pins(found: SshHosts, way: Way) -> None:
    """Say which second file ssh needs, if any key is pinned: without it ssh trusts no key."""
    pinned = sum(host.is_pinned for host in found.hosts)
    if pinned:
        far = f"ssh {way.jump} " if way.jump and "," not in way.jump else ""
        narrate(
            f"{'1 host has a pinned key' if pinned == 1 else f'{pinned} hosts have pinned keys'},"
            f" for which ssh needs one more file: {far}reversi-checker known-hosts >"
            f" {pinned_keys_file(way.prefix)}"
        )
