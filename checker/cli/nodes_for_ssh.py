"""What `ssh-config` and `inventory` have in common: their options, and the nodes they print."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from checker.cli.common import existing_registry
from checker.cli.selection import add_filter, matching_nodes
from checker.config.layout import Layout, has_mirrors
from checker.model import Node, NodeName
from checker.output import today
from checker.registry.nodes import Registry
from checker.registry.snapshot import copied_nodes
from checker.registry.ssh_hosts import SshHosts, Way, parse_way, ssh_hosts, through_holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The nodes that a command is about, and their SSH servers."""

    nodes: Mapping[NodeName, Node]
    found: SshHosts


def add_way(parser: argparse.ArgumentParser) -> None:
    """Declare how ssh comes to the nodes, and which nodes."""
    parser.add_argument(
        "--jump",
        metavar="[USER@]HOST[:PORT]",
        help="how ssh reaches the gateway from your machine; without it, the output is for use"
        " on the gateway itself",
    )
    parser.add_argument("--user", metavar="NAME", help="the user to log in as on the nodes")
    parser.add_argument(
        "--prefix", metavar="P", help="what to put before each node's name, such as site-"
    )
    add_filter(parser, "nodes")


def way_of(args: argparse.Namespace, layout: Layout) -> Way:
    """How ssh comes to the nodes; in a fleet, through the gateway that holds them. Raises
    InvalidValue, ConfigError.
    """
    way = parse_way(args.jump, args.user, args.prefix)
    if not has_mirrors(layout):
        return way
    from checker.control.fleet_rows import own_id  # only a fleet needs it

    return way if own_id(layout) is None else through_holder(way, str(layout.home or ""))


def quick_registry(layout: Layout) -> Registry:
    """The registry, from the daemon's copy if that is good: 10,000 files take 2 s to read. Raises
    NoGateway, ConfigError.
    """
    nodes = copied_nodes(layout)
    return Registry(nodes=MappingProxyType(nodes)) if nodes else existing_registry(layout)


def chosen_nodes(args: argparse.Namespace, layout: Layout, way: Way) -> Chosen:
    """The registered nodes that the filter chooses, all without one. Raises NothingMatches,
    MistakenFilter, InvalidValue, NoGateway, ConfigError, StateError.
    """
    registry = quick_registry(layout)
    nodes: Mapping[NodeName, Node] = registry.nodes
    broken = registry.broken
    if args.filter is not None:
        nodes = {node.name: node for node in matching_nodes(layout, registry, args.filter)}
        broken = broken.intersection(nodes)
    found = ssh_hosts(
        nodes, today(), prefix=way.prefix, broken=broken, names=frozenset(registry.nodes)
    )
    return Chosen(nodes=nodes, found=found)
