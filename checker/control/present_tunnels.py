"""Since when the tunnels that are there now have listened."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from checker.config.settings import Config
from checker.linux.processes import started_at
from checker.linux.sockets import read_listeners
from checker.model import InvalidValue, Node, Port
from checker.sshd.sessions import scan


def listening_since(config: Config) -> dict[Port, int]:
    """Return when the session that holds each port began, in Unix seconds; none if we may not look.

    Only sessions of the tunnel user count.
    """
    try:
        owners = scan(config.tunnel_uid)
    except InvalidValue:
        return {}  # there is no such account yet
    now, uptime_s = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    return {
        port: int(started_at(owners[one.inode], now, uptime_s))
        for port, those in read_listeners().items()
        for one in those
        if one.inode in owners
    }


def with_present_tunnels(node: Node, since: Mapping[Port, int]) -> Node:
    """Return the node as registered when the oldest tunnel on its ports began.

    Its key opened these ports before we knew of it. A connection older than the node would count
    as one without the right to its ports, and would be ended.
    """
    return replace(
        node, added_at=min([node.added_at, *(since.get(p, node.added_at) for p in node.ports)])
    )
