"""The nodes as a script inventory of Ansible. Pure."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from checker.model import Node, Status
from checker.registry.ssh_hosts import SshHost, Way, options_of

NOT_ARGUMENTS = frozenset({"HostName", "User", "ControlPath"})
"""Options for which Ansible has variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryHost:
    """A node, its SSH server, and how it was last seen."""

    node: Node
    host: SshHost
    status: Status
    is_stale: bool


def inventory(hosts: Iterable[InventoryHost], way: Way) -> dict[str, Any]:
    """The document of `--list`."""
    groups: dict[str, list[str]] = {"reversi": []}
    hostvars = {}
    for one in hosts:
        name = one.host.name
        hostvars[name] = host_variables(one, way)
        for group in groups_of(one):
            groups.setdefault(group, []).append(name)
    return {
        "_meta": {"hostvars": hostvars},
        **{group: {"hosts": groups[group]} for group in sorted(groups)},
    }


def groups_of(one: InventoryHost) -> list[str]:
    """The groups of a host. Two tags may make one group."""
    stale = ["reversi_stale"] if one.is_stale else []
    tags = {tag_group(tag): None for tag in one.node.tags}
    return ["reversi", f"reversi_{one.status}", *stale, *tags]


def tag_group(tag: str) -> str:
    """The group of a tag; Ansible allows only letters, digits and `_` in its name."""
    return f"tag_{re.sub(r'[^A-Za-z0-9_]', '_', tag)}"


def host_variables(one: InventoryHost, way: Way) -> dict[str, Any]:
    """The variables of a host."""
    options = options_of(one.host, way)
    words = [f"{key}={value}" for key, value in options.items() if key not in NOT_ARGUMENTS]
    arguments = shlex.join(word for option in words for word in ("-o", option))
    return {
        "ansible_host": options["HostName"],
        "ansible_port": one.host.forward.port,
        **({"ansible_user": way.user} if way.user else {}),
        "ansible_ssh_common_args": arguments,
        "ansible_control_path": control_path(one.host, way),
        "reversi_status": str(one.status),
        "reversi_tags": list(one.node.tags),
        "reversi_note": one.node.note,
    }


def control_path(host: SshHost, way: Way) -> str:
    """Where Ansible keeps the shared connection to a host: for each device its own, though two
    gateways may have the same port for two devices. It names users by %r.
    """
    digest = hashlib.sha256(f"{way.jump} {host.alias}".encode()).hexdigest()[:12]
    return f"%(directory)s/{digest}-%%r"
