"""The nodes of the demo, and what must be seen of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from checker.model import Status, Tunnel


class Service(Enum):
    """The targets of the demo's forwards."""

    SSHD = "this demo's own sshd"
    WEB = "an HTTP server"
    TLS = "a TLS server"
    MAIL = "a mail server's greeting"
    NOBODY = "a port where nobody listens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One node of the demo."""

    name: str
    service: Service
    expect: str
    status: Status = Status.UP
    """What the console shows once the node is settled."""
    connects: bool = True
    freezes: bool = False


ROLES = (
    Role(name="attic", service=Service.SSHD, expect="banner:SSH-2.0"),
    Role(
        name="barn",
        service=Service.SSHD,
        expect="banner:SSH-2.0",
        status=Status.DOWN,
        connects=False,
    ),
    Role(name="camera", service=Service.WEB, expect="http"),
    Role(name="freezer", service=Service.SSHD, expect="banner:SSH-2.0", freezes=True),
    Role(name="mail", service=Service.MAIL, expect="banner:220"),
    Role(name="nas", service=Service.TLS, expect="tls"),
    Role(name="printer", service=Service.NOBODY, expect="http", status=Status.REFUSED),
    Role(name="till", service=Service.MAIL, expect="banner:SSH-2.0", status=Status.WRONG),
)
FREEZER = next(role for role in ROLES if role.freezes)
KILLED = "killed"


def milestones(role: Role) -> list[str]:
    """Return what must be seen of a node, in order."""
    return [Status.UP, Status.HUNG, KILLED, Status.UP] if role.freezes else [role.status]


class Progress:
    """Which expected things were seen so far."""

    def __init__(self, roles: Sequence[Role]) -> None:
        self.roles = roles
        self.to_come = {role.name: milestones(role) for role in roles}
        self.last: Mapping[str, Tunnel] = {}

    def update(self, tunnels: Mapping[str, Tunnel]) -> None:
        """Take the current content of the state file."""
        self.last = tunnels
        for name, expected in self.to_come.items():
            if name in tunnels and expected and is_seen(expected[0], tunnels[name]):
                del expected[0]

    @property
    def is_settled(self) -> bool:
        """Whether every node has had its expected status, so that one can be frozen."""
        return all(len(self.to_come[role.name]) < len(milestones(role)) for role in self.roles)

    @property
    def is_complete(self) -> bool:
        return not any(self.to_come.values())

    def faults(self) -> list[str]:
        """Return a sentence for each unmet expectation, and for each kill of a healthy node."""
        found = []
        for role in self.roles:
            tunnel = self.last.get(role.name)
            if self.to_come[role.name]:
                last = (
                    f"{tunnel.status} ({tunnel.detail})"
                    if tunnel and tunnel.detail
                    else tunnel.status
                    if tunnel
                    else Status.UNKNOWN
                )
                found.append(
                    f"{role.name} was not seen {', then '.join(self.to_come[role.name])}; it is"
                    f" {last}"
                )
            if tunnel and tunnel.kills and not role.freezes:
                found.append(f"{role.name} was killed, but had not hung")
        return found


def is_seen(milestone: str, tunnel: Tunnel) -> bool:
    return tunnel.kills > 0 if milestone == KILLED else tunnel.status == milestone
