"""The gateways and nodes of `demo --fleet`, and what must be seen of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from checker.control.fleet_rows import Seen
from checker.model import Status, Tunnel
from checker.model.gateway_id import GatewayId
from checker.rows.row import Whereabouts
from demo.scene import Role, Service

IDS = tuple(map(GatewayId, ("gw1", "gw2", "gw3")))
SHOWN = IDS[0]
"""The console is this gateway's."""
VICTIM = IDS[1]
"""The gateway that is killed."""


class Client(Enum):
    """What a node connects with."""

    PYTHON = "reversi-client"
    OPENSSH = "ssh"
    DROPBEAR = "dbclient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """One node of the fleet."""

    role: Role
    client: Client


EXPECTED = {Service.SSHD: "banner:SSH-2.0", Service.WEB: "http", Service.MAIL: "banner:220"}
NAMES = (
    ("annex", "attic", "boathouse", "cellar", "depot", "farm"),
    ("harbour", "lodge", "quarry"),
    ("inn", "market", "vault"),
)
"""For each client; at each gateway four nodes are at home, and of each kind at least one."""


def guests() -> Iterator[Guest]:
    """Yield half of the nodes with the Python client, and a quarter with each kind of bundle."""
    services = tuple(EXPECTED)
    for client, names in zip(Client, NAMES, strict=True):
        for number, name in enumerate(names):
            service = services[number % len(services)]
            role = Role(name=name, service=service, expect=EXPECTED[service])
            yield Guest(role=role, client=client)


GUESTS = tuple(guests())

Row = tuple[Tunnel, Whereabouts]


class FleetProgress:
    """Which expected things were seen so far."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.rows: dict[str, Row] = {}
        self.cut_off: frozenset[str] = frozenset()
        self.is_spread = False
        """Whether all nodes were seen up, with some at each gateway."""
        self.is_moved = False
        """Whether they were seen up after that at the others, with the killed one unreachable."""

    def update(self, seen: Seen | None, now: float) -> None:
        """Take what the gateway that is shown knows now; None: it heard of no other yet."""
        if seen is None:
            return
        self.rows = {key[0]: (seen.tunnels[key], seen.where[key]) for key in seen.tunnels}
        self.cut_off = frozenset(one.id for one in seen.gateways if one.is_cut_off(now))
        if not self.is_spread:
            self.is_spread = not any(self.lacking(IDS)) and self.used() == set(IDS)
        elif not self.is_moved:
            self.is_moved = not any(self.lacking(left())) and VICTIM in self.cut_off

    def used(self) -> set[str]:
        """Return the gateways that have a node."""
        return {where.gateway for _, where in self.rows.values()}

    def lacking(self, ids: Sequence[GatewayId]) -> Iterator[str]:
        """Yield a sentence for each node that is not up at one of these gateways."""
        for name in self.names:
            if name not in self.rows:
                yield f"{name} was not seen"
                continue
            tunnel, where = self.rows[name]
            is_up = tunnel.status is Status.UP and not where.is_cut_off
            if not is_up or where.gateway not in ids:
                yield f"{name} is {tunnel.status} at {where.gateway}"

    def faults(self) -> list[str]:
        """Return a sentence for each unmet expectation."""
        if self.is_moved:
            return []
        if self.is_spread:
            silent = [] if VICTIM in self.cut_off else [f"{VICTIM} is not said to be unreachable"]
            return [*self.lacking(left()), *silent]
        unused = sorted(set(IDS) - self.used())
        return [*self.lacking(IDS), *(f"no node is at {id_}" for id_ in unused)]


def left() -> tuple[GatewayId, ...]:
    """Return the gateways that are not killed."""
    return tuple(id_ for id_ in IDS if id_ != VICTIM)
