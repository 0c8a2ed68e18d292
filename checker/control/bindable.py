"""Whether sshd could bind a port now: what an admin should know about ports of imported nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from checker.config.settings import Config
from checker.linux.ephemeral import ephemeral_ports
from checker.linux.sockets import read_listeners
from checker.model import InvalidValue, Listener, Node, Port
from checker.registry.publications import FIRST_UNPRIVILEGED
from checker.tunnels.port_owner import Owner, owner_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PortsThere:
    """The state of this machine's ports."""

    tunnel_user: str
    tunnel_uid: int | None
    """None: there is no such account yet."""
    listening: Mapping[Port, Sequence[Listener]] = field(default_factory=dict)
    ephemeral: range = range(0)
    """Ports of outgoing connections."""
    reserved: Collection[int] = ()
    """Those of them that the kernel leaves alone."""

    def notes(self, node: Node) -> list[str]:
        """Why no tunnel could listen on ports of the node now; a sentence each."""
        low = [
            f"sshd binds port {port} only for root, not for {self.tunnel_user}: no tunnel can"
            f" listen there; give it one of at least {FIRST_UNPRIVILEGED} with: reversi-checker"
            f" node move {node.name} {port} PORT"
            for port in node.ports
            if port < FIRST_UNPRIVILEGED and self.tunnel_user != "root"
        ]
        taken = [
            f"another program listens on port {port} now: no tunnel can listen there until it ends"
            for port in node.ports
            if self.tunnel_uid is not None
            and owner_of(self.listening.get(port, ()), self.tunnel_uid) is Owner.FOREIGN
        ]
        return [*low, *taken]

    def is_unreserved(self, port: Port) -> bool:
        """Whether an outgoing connection may take the port."""
        return port in self.ephemeral and port not in self.reserved


def look_at_ports(config: Config) -> PortsThere:
    """Look at this machine's ports now."""
    try:
        uid = config.tunnel_uid
    except InvalidValue:
        uid = None
    ephemeral, reserved = ephemeral_ports()
    return PortsThere(
        tunnel_user=config.tunnel_user,
        tunnel_uid=uid,
        listening=read_listeners(),
        ephemeral=ephemeral,
        reserved=reserved,
    )
