"""What the gateway knows about devices while a rollout runs: the state file, and the daemon."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

from checker.config.layout import Layout
from checker.control.client import (
    Control,
    DaemonAbsent,
    NotAllowed,
    ask,
    operator_name,
    ports_on_ipv6,
)
from checker.model import (
    IPV4_LOOPBACK,
    IPV6_LOOPBACK,
    Aim,
    EventKind,
    NodeName,
    Place,
    Port,
    ProcessId,
    Registration,
    Tunnel,
    Verb,
    aim_json,
    by_place,
)
from checker.state.store import StateFile, open_reader
from client.errors import ClientError

OLDEST_S = 1.0
"""How old a copy of the state may be: several devices ask at once."""


class NoDaemon(ClientError):
    """A rollout needs the daemon's verdicts."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            f"no daemon answers at {layout.socket}, and only its verdicts show whether an upgrade"
            " works; start it first"
        )


class View:
    """The state file, read at most once a second, and the daemon. The methods block."""

    def __init__(self, layout: Layout, state: StateFile) -> None:
        self.control = Control(layout=layout)
        self.state = state
        self.revision = 0
        self.read_at = -OLDEST_S
        self.tunnels: Mapping[Place, Tunnel] = {}
        self.registrations: Sequence[Registration] = ()

    def look(self) -> None:
        """Bring `tunnels` and `registrations` up to date. Raises StateError."""
        now = time.monotonic()
        if now - self.read_at < OLDEST_S:
            return
        changed = self.state.tunnels(since_revision=self.revision)
        self.revision = max((one.revision for one in changed), default=self.revision)
        self.tunnels = {**self.tunnels, **by_place(changed)}
        self.registrations = self.state.registrations()
        self.read_at = now

    def of_node(self, name: NodeName) -> frozenset[Registration]:
        return frozenset(one for one in self.registrations if one.node == name)

    def sessions_of(self, name: NodeName) -> frozenset[ProcessId]:
        return frozenset(one.session for one in self.of_node(name))

    def probe(self, name: NodeName, ports: Sequence[Port]) -> None:
        """Have the daemon probe the ports now; without the right to, its sweep must do.

        Raises StateError.
        """
        aims = [aim_json(Aim(node=name, port=port)) for port in ports]
        request = {"verb": Verb.PROBE.value, "aims": aims, "operator": operator_name()}
        with contextlib.suppress(DaemonAbsent, NotAllowed):
            ask(self.control.layout, request)
        self.look()

    def record(self, name: NodeName, port: Port, text: str) -> None:
        """Log it, if we may."""
        self.control.record(EventKind.COMMAND, text, node=name, port=port)

    def host_of(self, port: Port) -> str:
        """Return the loopback address on which the port listens."""
        return IPV6_LOOPBACK if port in ports_on_ipv6() else IPV4_LOOPBACK


@contextlib.contextmanager
def view_of(layout: Layout) -> Iterator[View]:
    """Open the state file for the block. Raises StateError."""
    state = open_reader(layout.state)
    try:
        view = View(layout, state)
        view.look()
        yield view
    finally:
        state.close()


def refuse_without_daemon(view: View) -> None:
    """Raise NoDaemon if no daemon answers."""
    with contextlib.suppress(NotAllowed):
        if view.control.daemon_pid() is None:
            raise NoDaemon(view.control.layout)
