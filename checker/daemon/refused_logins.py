"""Turn logins that sshd refused into events, and into notes in the rows of the nodes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection

from checker.daemon.last_seen import last_addresses
from checker.linux.processes import is_alive
from checker.model import EventKind, NodeName, fingerprint
from checker.output import today
from checker.sshd.log_lines import LogLine
from checker.sshd.refusals import Login
from checker.sshd.refused_logins import Doorway, Reason, RefusedLogin
from checker.state.errors import StateError
from checker.tunnels.gateway import Gateway

log = logging.getLogger(__name__)
HITS_ALL = frozenset(
    {
        Reason.DENY_USERS,
        Reason.ALLOW_USERS,
        Reason.DENY_GROUPS,
        Reason.ALLOW_GROUPS,
        Reason.ACCOUNT,
        Reason.AGED,
        Reason.PAM,
        Reason.SESSION,
        Reason.REFUSE_CONNECTION,
        Reason.KEY_FILE,
        Reason.HOSTS_DENY,
        Reason.PENALTY,
    }
)
"""Reasons that depend on the account or the address: they hit each node that comes from there."""
NAMED = 3
"""Most nodes that one event names."""


class RefusedLogins:
    """Attributes refused logins of one gateway to its nodes."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.shut_outs = gateway.watcher.shut_outs
        self.doorway = Doorway(gateway.config.tunnel_user, gateway.watcher.uid)
        self.nodes: dict[str, NodeName] = {}
        self.registry: object = None
        for tunnel in gateway.ledger.tunnels.values():
            self.shut_outs.seen(tunnel.node, (tunnel.peer or "").rpartition(":")[0].strip("[]"))

    async def load(self) -> None:
        """Read where each node connected from before we started."""
        try:
            known = await asyncio.to_thread(last_addresses, self.gateway.layout.state)
        except StateError as error:
            log.warning("%s", error)
        else:
            self.shut_outs.load(known)

    def logged_in(self, key: str, address: str) -> None:
        """A key logged in from there."""
        node = self.node_with(key)
        if node is not None:
            self.shut_outs.seen(node, address)
            self.shut_outs.let_in(node)

    def hear(self, line: LogLine, login: Login | None) -> None:
        """Log an event if the line reports a refused login, and note it in the node's rows.
        `login`: what the line's writer serves, if that was heard of.
        """
        found = self.doorway.hear(line)
        if found is None:
            return
        address = found.address or (login.peer[0] if login else "")
        node = self.node_with(found.fingerprint or (login.fingerprint if login else ""))
        nodes = [node] if node else self.nodes_behind(address)
        if nodes and (len(nodes) == 1 or found.reason in HITS_ALL):
            now = time.monotonic()
            for one in nodes:
                self.shut_outs.shut(one, found.words, now)
        if len(nodes) == 1:
            self.log_event(found, address, nodes[0])
        elif nodes or found.is_for_user or concerns_us(found, line, self.gateway.watcher.uid):
            self.log_event(found, address, None, nodes)

    def node_with(self, key: str) -> NodeName | None:
        """Return the node whose key has this fingerprint."""
        registry = self.gateway.registry
        if self.registry is not registry:
            self.nodes = {
                fingerprint(public): node.name
                for node in registry.nodes.values()
                for public in node.public_keys
            }
            self.registry = registry
        return self.nodes.get(key)

    def nodes_behind(self, address: str) -> list[NodeName]:
        """Return the nodes that came from this address last, may come, and have no tunnel now."""
        registry, ledger = self.gateway.registry, self.gateway.ledger
        known = self.shut_outs.nodes_at.get(address, frozenset[NodeName]())
        nodes = [registry.nodes[name] for name in sorted(known) if name in registry.nodes]
        return [
            node.name
            for node in nodes
            if not node.barred(today())
            and not any(
                session is not None and is_alive(session)
                for session in (ledger.tunnel(forward).session for forward in node.forwards)
            )
        ]

    def log_event(
        self,
        found: RefusedLogin,
        address: str,
        node: NodeName | None,
        others: Collection[NodeName] = (),
    ) -> None:
        """Log an event, unless there was one about the same lately."""
        now = time.monotonic()
        count = self.shut_outs.due(
            node or address,
            found.kind,
            now,
            is_stranger=node is None and not others and bool(address),
        )
        if count is None:
            return
        untold = 0 if node else self.shut_outs.take_untold()
        parts = (
            f"sshd refused a login{f' from {address}' if address else ''}: {found.words}",
            f"{count} times since the last event about it" if count > 1 else "",
            f"from there came {named(others)}" if others else "",
            f"{untold} more refusals had no event" if untold else "",
        )
        self.gateway.ledger.log_event(
            EventKind.REFUSED,
            "; ".join(filter(None, parts)),
            node=node,
            actor=f"node {node}"
            if node
            else f"address {address}"
            if address
            else "an unknown peer",
        )


def named(nodes: Collection[NodeName]) -> str:
    """Name the first nodes, and say how many more there are."""
    first = sorted(nodes)[:NAMED]
    more = len(nodes) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")


def concerns_us(found: RefusedLogin, line: LogLine, uid: int) -> bool:
    """Return whether a refusal of a login that may be anybody's is worth an event.

    A device that finds no common algorithm, or that hosts.deny keeps out, never says who it is.
    """
    match found.reason:
        case Reason.ALGORITHM | Reason.HOSTS_DENY | Reason.PENALTY:
            return True
        case Reason.RESOURCES:
            return line.uid in (None, 0, uid)
        case _:
            return False
