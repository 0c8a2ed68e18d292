"""The nodes as hosts for ssh: a name for each SSH server, and the options to reach it. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from checker.model import (
    SSH_USER,
    CheckerError,
    Forward,
    InvalidValue,
    Node,
    NodeName,
    host_key_alias,
    known_hosts_file,
    parse_port,
    pinned_keys_file,
    ssh_forwards,
)

PREFIX = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
HOP = re.compile(
    rf"(?:(?P<user>{SSH_USER.pattern})@)?(?P<host>[A-Za-z0-9._][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[0-9]+))?"
)
Option = tuple[str, str]
"""A keyword of ssh_config(5), and its value."""


class JumpIsNode(CheckerError):
    """A node has the name of a jump host: ssh would look for the gateway behind the gateway."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} names a node and the jump host, so ssh could not tell them apart; give the"
            " nodes a prefix, as in --prefix site-"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an admin's ssh comes to the nodes, from where it runs."""

    jump: str = ""
    """`[USER@]HOST[:PORT]` of the gateway, or several with commas; empty: ssh runs there."""
    user: str = ""
    """The user on the nodes; empty: ssh decides."""
    prefix: str = ""
    """What stands before the name of each node."""
    connect: str = ""
    """In a fleet, the command that connects to the gateway that holds the node `%n` now; empty: its
    port is on the one gateway.
    """

    @property
    def jump_hosts(self) -> tuple[str, ...]:
        found = (HOP.fullmatch(hop) for hop in self.jump.split(","))
        return tuple(match["host"] for match in found if match)


def parse_way(jump: str | None, user: str | None, prefix: str | None) -> Way:
    """Parse the options of a command. Raises InvalidValue."""
    for hop in [] if jump is None else jump.split(","):
        match = HOP.fullmatch(hop)
        if match is None:
            raise InvalidValue(
                f"--jump {hop[:80]!r} is not [USER@]HOST[:PORT] (an IPv6 address goes in brackets,"
                " as in [2001:db8::1]:22)"
            )
        if match["port"]:
            parse_port(match["port"], "the port of --jump")
    if user is not None and not SSH_USER.fullmatch(user):
        raise InvalidValue(f"--user {user[:40]!r} cannot be a user's name")
    if prefix is not None and not PREFIX.fullmatch(prefix):
        raise InvalidValue(
            f"--prefix {prefix[:80]!r} cannot begin a host's name; use up to 63 of a-z 0-9 . _ -"
            " and begin with a letter or digit"
        )
    return Way(jump=jump or "", user=user or "", prefix=prefix or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SshHost:
    """An SSH server behind a forward."""

    name: str
    """What the admin types: the node's name, for its further SSH servers with the port."""
    forward: Forward
    is_first: bool = True
    """Whether it is the first SSH server of its node."""

    @property
    def alias(self) -> str:
        return host_key_alias(self.forward)

    @property
    def is_pinned(self) -> bool:
        return bool(self.forward.host_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SshHosts:
    """All SSH servers of the nodes, and what was left out."""

    hosts: tuple[SshHost, ...]
    barred: int = 0
    """Nodes that are disabled or expired."""
    without_ssh: int = 0
    """Nodes without a forward to an SSH server."""
    broken: int = 0
    """Nodes whose file is broken."""
    shadowed: int = 0
    """Further SSH servers whose name is that of another node."""

    @property
    def left_out(self) -> str:
        """What was left out, as a clause; empty if nothing was."""
        counts = (
            (self.barred, "disabled or expired"),
            (self.without_ssh, "without a forward to an SSH server"),
            (self.broken, "with a broken file"),
            (self.shadowed, "under a name that another node has"),
        )
        return ", ".join(f"{count} {what}" for count, what in counts if count)


def ssh_hosts(
    nodes: Mapping[NodeName, Node],
    day: str,
    *,
    prefix: str = "",
    broken: Collection[str] = (),
    names: Collection[str] = (),
) -> SshHosts:
    """The SSH servers of these nodes on this day (YYYY-MM-DD), by node.

    Nodes of `broken` files are left out: what is known of them may be out of date. `names`: of
    other nodes, so that a further SSH server gets none of them.
    """
    good = [node for name, node in nodes.items() if name not in broken]
    open_nodes = [node for node in good if not node.barred(day)]
    servers = [(node, ssh_forwards(node.forwards)) for node in open_nodes]
    hosts: list[SshHost] = []
    shadowed = 0
    for node, forwards in servers:
        for number, forward in enumerate(forwards):
            name = f"{node.name}.{forward.port}" if number else node.name
            if number and (name in nodes or name in names):
                shadowed += 1
            else:
                hosts.append(SshHost(name=prefix + name, forward=forward, is_first=not number))
    return SshHosts(
        hosts=tuple(hosts),
        barred=len(good) - len(open_nodes),
        without_ssh=sum(not forwards for _, forwards in servers),
        broken=len(broken),
        shadowed=shadowed,
    )


def through_holder(way: Way, home: str = "") -> Way:
    """The same way in a fleet: a command finds out which gateway holds the node. It runs here, or
    at the jump; `home` is the gateway's directory, if it has one.
    """
    words = ["reversi-checker", *(["--home", home] if home else []), "connect"]
    words += ["--prefix", way.prefix] if way.prefix else []
    there = f"{shlex.join(words).replace('%', '%%')} %n"
    *before, last = way.jump.split(",")
    hop = HOP.fullmatch(last)
    if hop is None:
        return replace(way, connect=there)
    ssh = ["ssh", *(["-J", ",".join(before)] if before else [])]
    ssh += ["-p", hop["port"]] if hop["port"] else []
    host = hop["host"].strip("[]")
    ssh += ["--", f"{hop['user']}@{host}" if hop["user"] else host]
    return replace(way, connect=f"{shlex.join(ssh)} {there}")


def refuse_jump_that_is_node(hosts: Iterable[SshHost], way: Way) -> None:
    """Raise JumpIsNode if a host has the name of a jump host."""
    jumps = frozenset(way.jump_hosts)
    for host in hosts:
        if host.name in jumps:
            raise JumpIsNode(host.name)


def pinned_options(way: Way) -> tuple[Option, ...]:
    """The options of a host whose key is pinned; they come before those of all hosts.

    The second file is for all users of a machine.
    """
    own = pinned_keys_file(way.prefix)
    for_all = own.replace("~/.ssh/", "/etc/ssh/")
    return (("StrictHostKeyChecking", "yes"), ("UserKnownHostsFile", f"{own} {for_all}"))


def common_options(way: Way) -> tuple[Option, ...]:
    """The options of all hosts.

    Without a jump, ProxyJump is `none`: a jump of the user's `Host *` would lead to the loopback of
    another machine. ControlPath is ours, as two gateways may have the same port for two devices,
    and OpenSSH hashes the jump host into %C only in its newer versions.
    """
    return (
        ("HostName", "127.0.0.1"),
        *((("User", way.user),) if way.user else ()),
        ("CheckHostIP", "no"),
        ("UserKnownHostsFile", known_hosts_file(way.prefix)),
        ("StrictHostKeyChecking", "accept-new"),
        ("ForwardAgent", "no"),
        ("ControlPath", f"~/.ssh/reversi_{way.prefix}%C"),
        ("ProxyCommand", way.connect) if way.connect else ("ProxyJump", way.jump or "none"),
    )


def options_of(host: SshHost, way: Way) -> dict[str, str]:
    """All options of a host by keyword, besides its port."""
    pinned = pinned_options(way) if host.is_pinned else ()
    found = {**dict(common_options(way)), **dict(pinned), "HostKeyAlias": host.alias}
    if way.connect:  # whoever uses these options may call the host by its address
        found["ProxyCommand"] = way.connect.replace(
            " %n", f" {host.forward.node}:{host.forward.port}"
        )
    return found
