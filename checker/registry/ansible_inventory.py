"""The nodes as a script inventory of Ansible. Pure."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from checker.model import Node, Status
from checker.registry.ssh_hosts import SshHost, Way, options_of

NOT_ARGUMENTS = frozenset({"HostName", "User", "ControlPath"})
"""Options for which Ansible has variables."""
ITS_OWN_NAMES = frozenset({"all", "ungrouped", "localhost"})
"""Ansible's groups, and the machine that it runs on. Source: Ansible's user guide, implicit
localhost.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryHost:
    """A node, its SSH server, and how it was last seen."""

    node: Node
    host: SshHost
    status: Status
    is_stale: bool
    gateway: str = ""
    """Which gateway of a fleet holds it, or held it last; empty without a fleet."""


def without_taken_names(
    hosts: Sequence[InventoryHost],
) -> tuple[list[InventoryHost], tuple[str, ...]]:
    """The hosts without those that are named like a group or the machine of Ansible, and the names
    of these. A host `reversi` would hide the group: a play for all nodes would run on one, and what
    a play does on `localhost` would run on a device.
    """
    taken = ITS_OWN_NAMES.union(group for one in hosts for group in groups_of(one))
    good = [one for one in hosts if one.host.name not in taken]
    return good, tuple(one.host.name for one in hosts if one.host.name in taken)


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
        **({"reversi_gateway": one.gateway} if one.gateway else {}),
        "reversi_tags": list(one.node.tags),
        "reversi_note": untemplated(one.node.note),
    }


def untemplated(text: str) -> str | dict[str, str]:
    """A text of which Ansible evaluates nothing: else `{{ lookup("pipe", ...) }}` would run a
    command on the machine of whoever uses the variable. Source: AnsibleJSONDecoder,
    `__ansible_unsafe`.
    """
    return {"__ansible_unsafe": text} if "{" in text else text


def control_path(host: SshHost, way: Way) -> str:
    """Where Ansible keeps the shared connection to a host: for each device its own, though two
    gateways may have the same port for two devices. It names users by %r.
    """
    digest = hashlib.sha256(f"{way.jump} {host.alias}".encode()).hexdigest()[:12]
    return f"%(directory)s/{digest}-%%r"
