"""The verb `inventory`: the nodes for Ansible."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping

from checker.cli.dialog import narrate
from checker.cli.exit_codes import ExitCode
from checker.cli.nodes_for_ssh import add_way, chosen_nodes, quick_registry, way_of
from checker.cli.seen import seen_by_all
from checker.cli.verbs import Verbs, add_verb
from checker.config.layout import Layout
from checker.model import Node, NodeName
from checker.output import say
from checker.registry.ansible_inventory import InventoryHost, inventory, without_taken_names
from checker.registry.ssh_hosts import SshHosts

ENDING = """\
On your own computer, an executable file of these two lines is an inventory,
for ansible -i FILE:
         #!/bin/sh
         exec ssh gw reversi-checker inventory --jump gw "$@"
"""


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "inventory",
        "print the nodes as an inventory for Ansible",
        "reversi-checker inventory --list --filter tag:site-a",
        ending=ENDING,
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--list", action="store_true", help="print all hosts and groups (default)")
    form.add_argument("--host", metavar="NAME", help="print the variables of one host")
    add_way(parser)
    parser.set_defaults(command=cmd_inventory)


def cmd_inventory(args: argparse.Namespace, layout: Layout) -> ExitCode:
    way = way_of(args, layout)
    chosen = chosen_nodes(args, layout, way)
    hosts, taken = without_taken_names(inventory_hosts(layout, chosen.nodes, chosen.found))
    if taken:
        narrate(
            f"left out: {', '.join(taken)}; Ansible has a group or a machine of this name, so give"
            " the nodes a prefix, as in --prefix site-"
        )
    document = inventory(hosts, way)
    if args.host is not None:
        document = document["_meta"]["hostvars"].get(args.host, {})
        if not document:
            quick_registry(layout).node(args.host.removeprefix(way.prefix))
    say(json.dumps(document, indent=1))
    return ExitCode.OK


def inventory_hosts(
    layout: Layout, nodes: Mapping[NodeName, Node], found: SshHosts
) -> tuple[InventoryHost, ...]:
    """The first SSH server of each node, with what was last seen: Ansible must not meet a device
    twice. Raises StateError, ConfigError.
    """
    now = time.time()
    seen = seen_by_all(layout, now)
    firsts = [host for host in found.hosts if host.is_first]
    return tuple(
        InventoryHost(
            node=nodes[host.forward.node],
            host=host,
            status=tunnel.status,
            is_stale=seen.is_stale(tunnel, now),
            gateway=seen.gateway_of(tunnel),
        )
        for host in firsts
        for tunnel in [seen.at(host.forward.node, host.forward.port)]
    )
