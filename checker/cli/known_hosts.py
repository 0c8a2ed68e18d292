"""The verb `known-hosts`: print the pinned host keys of nodes for ssh."""

from __future__ import annotations

import argparse

from checker.cli.common import existing_registry
from checker.cli.dialog import narrate
from checker.cli.exit_codes import ExitCode
from checker.cli.selection import add_filter, matching_rows
from checker.cli.verbs import Verbs, add_verb
from checker.config.layout import Layout
from checker.output import say
from checker.registry.known_hosts import known_hosts_lines


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    known_hosts = add_verb(
        verbs,
        "known-hosts",
        "print the pinned host keys of nodes as a known_hosts file for ssh",
        "reversi-checker known-hosts > ~/.ssh/reversi_pinned_keys",
        ending="Each line has the name that `ssh-config` writes as HostKeyAlias.",
    )
    add_filter(known_hosts)
    known_hosts.set_defaults(command=cmd_known_hosts)


def cmd_known_hosts(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = existing_registry(layout)
    forwards = registry.forwards
    if args.filter is not None:
        rows = matching_rows(layout, registry, args.filter)
        forwards = tuple(row.forward for row in rows if row.forward is not None)
    lines = known_hosts_lines(forwards)
    if lines:
        say("\n".join(lines))
    else:
        narrate("no host key is pinned there; to pin them, run: reversi-checker node pin --all")
    return ExitCode.OK
