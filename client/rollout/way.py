"""Which devices to go to, and the forward that leads to each one's SSH server. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from checker.model import (
    Forward,
    Node,
    NodeName,
    Place,
    Port,
    ProcessId,
    Registration,
    Status,
    Tunnel,
    expects_ssh,
    is_device_itself,
    seen_at,
)
from checker.model.instance import path_in
from client.bundle.compose import Bundle, render
from client.rollout.course import Came, Result

PYTHON_CLIENT = "reversi-"
"""How the name of `reversi-client run` begins."""
CLOCKS_APART_S = 60.0
"""By which the clocks of two gateways may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One device, the forward to its SSH server, and the bundle to bring to it."""

    node: Node
    forward: Forward
    bundle: Bundle
    home: str = ""
    """The gateway with which the bundle begins, if that is another one of the fleet."""

    @property
    def name(self) -> NodeName:
        return self.node.name

    @property
    def port(self) -> Port:
        """The gateway port by which the device is reached now."""
        return self.forward.port

    @property
    def port_after(self) -> Port:
        """The port by which the new bundle's tunnel leads to the same SSH server."""
        return new_port(self.forward)

    @property
    def ports_after(self) -> tuple[Port, ...]:
        """The ports on which the new bundle's tunnel listens."""
        return tuple(map(new_port, self.node.forwards))

    @property
    def text(self) -> str:
        """The bundle as a file, made for each use: all bundles of a fleet would fill the memory."""
        return render(self.bundle)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def came(self, result: Result, detail: str = "", took_s: float | None = None) -> Came:
        return Came(name=self.name, port=self.port, result=result, detail=detail, took_s=took_s)


def new_port(forward: Forward) -> Port:
    """Return the port on which the new bundle listens."""
    return forward.next_port or forward.port


def leads_to_ssh(forward: Forward, seen: Tunnel) -> bool:
    """Return whether an SSH server is expected, answered, or is likely there."""
    return seen.answer.startswith("SSH-") or expects_ssh(forward)


def way_to(node: Node, ports: Collection[int], tunnels: Mapping[Place, Tunnel]) -> Forward | None:
    """Return the forward to the device's own SSH server: the one in `ports`, else the likeliest.

    A target on the device's loopback is the device; another may be a neighbour on its LAN.
    """
    chosen = [forward for forward in node.forwards if set(forward.ports).intersection(ports)]
    if chosen:
        return chosen[0]
    fitting = [
        forward
        for forward in node.forwards
        if leads_to_ssh(forward, seen_at((node.name, forward.port), tunnels))
    ]
    return min(fitting, key=lambda forward: not is_device_itself(forward.target.host), default=None)


def why_not(  # noqa: PLR0913 - all that can be a reason
    node: Node, forward: Forward, seen: Tunnel, *, client: str, today: str, there: str = ""
) -> str:
    """Return why nobody should go to the device now, as a clause; empty if there is no reason.
    `there`: the other gateway that has it; empty: none known.
    """
    barred = node.barred(today)
    if barred:
        return f"it may not listen: {barred}"
    if node.is_shared:
        return "it has no key of its own yet: see reversi-checker adopt"
    if client.startswith(PYTHON_CLIENT):
        return "it runs reversi-client: edit gateway and host_key in its file instead"
    if forward.speaks_proxy:
        return f"port {forward.port} leads to a service that expects a PROXY line first"
    if seen.status is not Status.UP:
        return (
            f"its tunnel is at {there}: run rollout there"
            if there
            else f"port {forward.port} is {seen.status}, not up"
        )
    return ""


def newest_of(registrations: Collection[Registration]) -> dict[NodeName, Registration]:
    """Return each node's newest connection."""
    return {one.node: one for one in sorted(registrations, key=lambda r: r.registered_at)}


def clients_of(registrations: Collection[Registration]) -> dict[NodeName, str]:
    """Return what each node's newest connection runs; empty text if it did not say."""
    return {name: one.client for name, one in newest_of(registrations).items()}


def paths_of(registrations: Collection[Registration]) -> dict[NodeName, int]:
    """Return which of its node's tunnels comes to this gateway; ONLY if the node keeps one. It is
    the one whose bundle can be replaced from here.
    """
    return {name: path_in(one.instance) for name, one in newest_of(registrations).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one gateway sees of a node."""

    gateway: str = ""
    """Its ID; empty: this one."""
    registrations: frozenset[Registration] = frozenset()
    """Of the tunnel that is upgraded, if the node keeps two."""
    tunnels: Mapping[Place, Tunnel] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was known of a node when its upgrade began."""

    at: float = 0.0
    """Unix seconds; 0.0: any session may be the new bundle's."""
    sessions: frozenset[tuple[str, ProcessId]] = frozenset()
    """Those that were there, each with its gateway."""


def of_path(
    registrations: Collection[Registration], name: NodeName, path: int
) -> frozenset[Registration]:
    """Return the connections of one tunnel of a node."""
    return frozenset(
        one for one in registrations if one.node == name and path_in(one.instance) == path
    )


def before_now(sights: Collection[Sight], now: float) -> Before:
    """Return what is known when an upgrade begins."""
    found = ((sight.gateway, one.session) for sight in sights for one in sight.registrations)
    return Before(at=now, sessions=frozenset(found))


def new_since(before: Before, sight: Sight) -> float | None:
    """Return when the newest session after `before` registered, by that gateway's clock; None:
    there is none.
    """
    apart_s = CLOCKS_APART_S if sight.gateway else 0.0
    return max(
        (
            one.registered_at
            for one in sight.registrations
            if one.registered_at >= before.at - apart_s
            and (sight.gateway, one.session) not in before.sessions
        ),
        default=None,
    )


def works_at(job: Job, before: Before, sights: Collection[Sight]) -> Sight | None:
    """Return which gateway finds a new session of the node to work; None: no one does."""
    for sight in sights:
        since = new_since(before, sight)
        if since is not None and is_good(job, since, sight.tunnels):
            return sight
    return None


def is_good(job: Job, since: float, tunnels: Mapping[Place, Tunnel]) -> bool:
    """Return whether the checker found each forward to work after this time."""
    return all(
        seen.verdict == 0 and seen.probed_at is not None and seen.probed_at >= since
        for seen in (seen_at((job.name, port), tunnels) for port in job.ports_after)
    )
