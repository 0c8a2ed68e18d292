"""How the SSH servers behind forwards are known to ssh: which they are, and their key aliases."""

from __future__ import annotations

import re
from collections.abc import Sequence

from checker.model.node import ExpectKind, Forward, Node

SSH_PORT = 22
OTHER_PROTOCOLS = frozenset({ExpectKind.HTTP, ExpectKind.TLS})
FILES = "~/.ssh/reversi_"
SSH_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@-]{0,63}")
"""A user's name that ssh cannot take for an option, and that no shell would expand."""


def lacks_pin(node: Node) -> bool:
    """Return whether a forward of the node expects its host key, and none is pinned."""
    return any(one.expect.kind is ExpectKind.HOSTKEY and not one.host_key for one in node.forwards)


def is_device_itself(host: str) -> bool:
    """Whether the host of a target is the device itself."""
    return host in ("localhost", "::1") or host.startswith("127.")


def expects_ssh(forward: Forward) -> bool:
    """Whether the forward leads to an SSH server, as far as the registry can tell: it has a host
    key, expects an SSH banner, or leads to port 22 and expects neither http nor tls.
    """
    expect = forward.expect
    return (
        bool(forward.host_key)
        or expect.text.upper().startswith("SSH")
        or (forward.target.port == SSH_PORT and expect.kind not in OTHER_PROTOCOLS)
    )


def ssh_forwards(forwards: Sequence[Forward]) -> tuple[Forward, ...]:
    """The forwards by which ssh reaches a node, those to the device itself first; then in the
    admin's order. Not those that leave, and not those whose target expects a PROXY
    line.
    """
    found = [
        forward
        for forward in forwards
        if expects_ssh(forward) and not forward.leaves_at and not forward.speaks_proxy
    ]
    return tuple(sorted(found, key=lambda forward: not is_device_itself(forward.target.host)))


def host_key_alias(forward: Forward) -> str:
    """The name under which ssh keeps the host key of the forward's target.

    It follows from node and target, as the key does: it stays if the gateway port changes. No host
    can have it, because of the colon. The SSH server of the device itself is `reversi:NODE`.
    """
    target = forward.target
    if not is_device_itself(target.host):
        return f"reversi:{forward.node}:{target}".lower()
    place = "" if target.port == SSH_PORT else f":localhost:{target.port}"
    return f"reversi:{forward.node}{place}"


def known_hosts_file(prefix: str = "") -> str:
    """Where ssh keeps the host keys that it met by itself, apart from the user's own."""
    return f"{FILES}{prefix}known_hosts"


def pinned_keys_file(prefix: str = "") -> str:
    """Where ssh looks for the host keys that are pinned at the gateway (`known-hosts`)."""
    return f"{FILES}{prefix}pinned_keys"
