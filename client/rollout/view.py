"""What the gateway knows about devices while a rollout runs: the state file, and the daemon."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

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
    Registration,
    Tunnel,
    Verb,
    aim_json,
    by_place,
)
from checker.state.store import StateFile, open_reader
from client.errors import ClientError
from client.rollout.way import Sight, of_path

if TYPE_CHECKING:
    from client.rollout.elsewhere import Elsewhere

OLDEST_S = 1.0
"""How old a copy of the state may be: several devices ask at once."""
OLDEST_ELSEWHERE_S = 10.0
"""How old the answer may be where a device is: it takes a second in a large fleet."""


class NoDaemon(ClientError):
    """A rollout needs the daemon's verdicts."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            f"no daemon answers at {layout.socket}, and only its verdicts show whether an upgrade"
            " works; start it first"
        )


class View:
    """The state file, read at most once a second, and the daemon. The methods block."""

    def __init__(self, layout: Layout, state: StateFile, elsewhere: Elsewhere | None) -> None:
        self.control = Control(layout=layout)
        self.state = state
        self.revision = 0
        self.read_at = -OLDEST_S
        self.tunnels: Mapping[Place, Tunnel] = {}
        self.registrations: Sequence[Registration] = ()
        self.elsewhere = elsewhere
        """None: there is no fleet."""
        self.holders: Mapping[Place, str] = {}
        self.holders_at = -OLDEST_ELSEWHERE_S

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

    def sights(self, name: NodeName, path: int) -> list[Sight]:
        """Return what this gateway sees of a tunnel of a node, then what the others of the fleet
        do. Raises StateError.
        """
        self.look()
        here = Sight(registrations=of_path(self.registrations, name, path), tunnels=self.tunnels)
        return [here, *(self.elsewhere.sights(name, path) if self.elsewhere else ())]

    def holder_of(self, place: Place) -> str:
        """Return the other gateway that holds a port now; empty: none, or unknown. Raises
        StateError, ConfigError.
        """
        now = time.monotonic()
        if self.elsewhere is not None and now - self.holders_at >= OLDEST_ELSEWHERE_S:
            self.holders = self.elsewhere.holders(self.tunnels, self.state.last_sweep())
            self.holders_at = now
        return self.holders.get(place, "")

    def hears(self, id_: str) -> bool:
        """Return whether another gateway was heard lately."""
        return self.elsewhere is not None and self.elsewhere.hears(id_)

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

    def way_through(self, name: NodeName, port: Port) -> str:
        """Return the ProxyCommand that connects through the gateway that holds the port."""
        home = self.control.layout.home
        words = ["reversi-checker", *(["--home", str(home)] if home else []), "connect"]
        quiet = "ssh -o BatchMode=yes -o LogLevel=ERROR"
        return shlex.join([*words, "--ssh", quiet, f"{name}:{port}"]).replace("%", "%%")

    def host_of(self, port: Port) -> str:
        """Return the loopback address on which the port listens."""
        return IPV6_LOOPBACK if port in ports_on_ipv6() else IPV4_LOOPBACK


@contextlib.contextmanager
def view_of(layout: Layout, elsewhere: Elsewhere | None = None) -> Iterator[View]:
    """Open the state file for the block. Raises StateError."""
    state = open_reader(layout.state)
    try:
        view = View(layout, state, elsewhere)
        view.look()
        yield view
    finally:
        state.close()


def refuse_without_daemon(view: View) -> None:
    """Raise NoDaemon if no daemon answers."""
    with contextlib.suppress(NotAllowed):
        if view.control.daemon_pid() is None:
            raise NoDaemon(view.control.layout)
