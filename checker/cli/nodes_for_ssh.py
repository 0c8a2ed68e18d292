"""What `ssh-config` and `inventory` have in common: their options, and the nodes they print."""

from __future__ import annotations

import argparse

from checker.cli.common import existing_registry
from checker.config.layout import Layout
from checker.output import today
from checker.registry.snapshot import copied_nodes
from checker.registry.ssh_hosts import SshHosts, Way, ssh_hosts


def add_way(parser: argparse.ArgumentParser) -> None:
    """Declare how ssh comes to the nodes."""
    parser.add_argument(
        "--jump",
        metavar="[USER@]HOST[:PORT]",
        help="come through the gateway, by this name; without it: for use on the gateway",
    )
    parser.add_argument("--user", metavar="NAME", help="the user on the nodes")


def known_ssh_hosts(layout: Layout, way: Way) -> SshHosts:
    """The SSH servers of the registered nodes. Raises NoGateway, ConfigError."""
    nodes = copied_nodes(layout)
    if nodes is not None:
        return ssh_hosts(nodes, today(), prefix=way.prefix)
    registry = existing_registry(layout)
    return ssh_hosts(registry.nodes, today(), prefix=way.prefix, broken=registry.broken)
