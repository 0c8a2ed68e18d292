"""Who uses the gateway's ports, whom fail2ban bans, the clock, and the room that is left."""

from __future__ import annotations

import contextlib
import ctypes
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.doctor.facts import MachineFacts, PortFacts, TakenPort
from checker.install.old_metadata import SITE, old_metadata
from checker.install.survey import SYSTEMD
from checker.linux.ephemeral import ephemeral_ports
from checker.linux.machine import read_machine
from checker.linux.sockets import read_listeners
from checker.model import Forward, Listener, Port
from checker.registry.nodes import Registry
from checker.tunnels.port_owner import REACHED_AT

TIME_ERROR = 5
"""What adjtimex returns while nothing synchronizes the clock. Source: adjtimex(2)."""


def machine_facts(
    layout: Layout, peers: Mapping[str, int], *, recorded_at: Sequence[float]
) -> MachineFacts:
    """`recorded_at`: times that were recorded in the past, if the clock is right, in Unix
    seconds.
    """
    now = time.time()
    return MachineFacts(
        has_systemd=SYSTEMD.is_dir(),
        banned=banned(),
        peers=peers,
        is_synchronized=is_synchronized(),
        ahead_s=max([0.0, *(at - now for at in recorded_at)]),
        free_bytes=free_bytes(layout),
        capacity=read_machine(),
        old_metadata=old_metadata(SITE),
    )


def port_facts(registry: Registry, config: Config, uid: int) -> PortFacts:
    """`uid` is the tunnel user's."""
    ephemeral, reserved = ephemeral_ports()
    return PortFacts(
        taken=tuple(taken(registry, config, uid)),
        unreserved=unreserved(registry, config, ephemeral, reserved),
        reserved=reserved,
    )


def taken(registry: Registry, config: Config, uid: int) -> Iterator[TakenPort]:
    """Yield the nodes' ports on which processes of other users listen."""
    listening = read_listeners()
    ports = [(port, forward) for forward in registry.forwards for port in forward.ports]
    used = {*listening, *(port for port, _ in ports), *registry.broken_ports, *registry.freed}
    free = next((port for port in config.policy.ports if port not in used), None)
    for port, forward in ports:
        other = stranger_on(port, forward, listening.get(port, ()), uid)
        if other is not None:
            yield TakenPort(port=port, node=forward.node, uid=other, free=free)


def stranger_on(port: Port, forward: Forward, found: Sequence[Listener], uid: int) -> int | None:
    """Return the uid of another user's listener on the forward's port; None if there is none.

    If the forward is published on that very port, HAProxy listens beside the loopback.
    """
    if any(publication.port == port for publication in forward.published):
        near = {address for places in REACHED_AT.values() for address in places}
        found = [listener for listener in found if listener.address in near]
    return next((listener.uid for listener in found if listener.uid != uid), None)


def unreserved(
    registry: Registry, config: Config, ephemeral: range, reserved: frozenset[int]
) -> tuple[int, ...]:
    """Return the ports of this gateway that an outgoing connection may take."""
    ports = {
        *config.policy.ports,
        *config.shared_key.open_ports,
        *(int(port) for forward in registry.forwards for port in forward.ports),
    }
    return tuple(sorted(port for port in ports if port in ephemeral and port not in reserved))


def banned() -> frozenset[str] | None:
    """Return whom fail2ban bans from sshd; None if it does not watch sshd, or does not answer."""
    if shutil.which("fail2ban-client") is None:
        return None
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        asked = subprocess.run(
            ["fail2ban-client", "status", "sshd"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
        found = re.search(r"Banned IP list:\s*(.*)", asked.stdout)
        if asked.returncode == 0 and found:
            return frozenset(found[1].split())
    return None


def is_synchronized() -> bool | None:
    """Return whether something synchronizes the kernel's clock; None if the kernel does not
    say.
    """
    # a structure of zeros changes nothing
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    return None if answer < 0 else answer != TIME_ERROR


def free_bytes(layout: Layout) -> Mapping[str, int]:
    """Return the free space of the file systems that we write to, by directory."""
    return {
        str(place): shutil.disk_usage(place).free
        for place in (layout.state.parent, layout.run)
        if place.exists()
    }
