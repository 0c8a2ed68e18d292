"""What a test sees of a gateway from outside: its state file, its log, its daemon's answers."""

from __future__ import annotations

import time
from contextlib import closing

from checker.config.layout import Layout
from checker.control.client import Control
from checker.linux.processes import is_alive
from checker.model import (
    Aim,
    Event,
    EventKind,
    NodeName,
    Port,
    ProcessId,
    Registration,
    Status,
    Tunnel,
    Verb,
)
from checker.state.errors import StateError
from checker.state.store import StateFile, open_reader
from tests.system.clients import Connection, Device
from tests.system.ports import accepts
from tests.system.waiting import LONG_S, until


def is_gone(session: ProcessId) -> bool:
    return not is_alive(session)


class Seen:
    """The readable side of a gateway."""

    layout: Layout
    inside: tuple[str, ...]

    def log(self) -> str:
        """What its processes wrote to stderr."""
        raise NotImplementedError

    def tunnel(self, device: Device, number: int = 0) -> Tunnel:
        """The state file's row of one of the device's forwards."""
        port = Port(device.ports[number])
        for _ in range(100):
            try:
                state = open_reader(self.layout.state)
            except StateError:
                time.sleep(0.05)
                continue
            try:
                return next((t for t in state.tunnels() if t.port == port), None) or Tunnel(
                    node=NodeName(""), port=port
                )
            finally:
                state.close()
        raise AssertionError("the state file cannot be read")

    def state(self) -> StateFile:
        """The state file, which the caller closes."""
        return open_reader(self.layout.state)

    def await_registered(
        self, device: Device, *, after: ProcessId | None = None, within_s: float = LONG_S
    ) -> Registration:
        """Wait for the live connection that the device registered, other than `after`; return it.

        A tunnel may be up before its `hold` has come; if the daemon is late, it learns of it only
        after some seconds.
        """

        def fact() -> Registration | None:
            with closing(self.state()) as state:
                found = [one for one in state.registrations() if one.node == device.node]
            return next(
                (one for one in found if one.session != after and is_alive(one.session)), None
            )

        return until(fact, f"{device.node} is registered", within_s=within_s)

    def logins_waiting(self) -> int | None:
        """The number of waiting logins that the last sweep counted on this machine's sshd."""
        with closing(self.state()) as state:
            swept = state.last_sweep()
        return swept.logins_waiting if swept else None

    def events(
        self, device: Device | None = None, kind: EventKind | None = None
    ) -> tuple[Event, ...]:
        """The log, oldest first."""
        state = open_reader(self.layout.state)
        try:
            found = state.events(limit=10_000)
        finally:
            state.close()
        return tuple(
            e
            for e in found
            if (device is None or e.node == device.node) and (kind is None or e.kind is kind)
        )

    def await_event(
        self, kind: EventKind, device: Device | None = None, *, within_s: float = LONG_S
    ) -> Event:
        """Wait for an event of that kind; return the newest."""
        return until(lambda: self.events(device, kind), f"an event {kind}", within_s=within_s)[-1]

    def await_status(
        self, device: Device, status: Status, number: int = 0, *, within_s: float = LONG_S
    ) -> Tunnel:
        """Wait until the tunnel has this status."""

        def fact() -> Tunnel | None:
            found = self.tunnel(device, number)
            return found if found.status is status else None

        try:
            return until(fact, f"{device.node} is {status}", within_s=within_s)
        except AssertionError as error:
            raise AssertionError(
                f"{error}: {self.tunnel(device, number)}\n{self.log()[-3000:]}"
            ) from None

    def await_up(
        self, device: Device, number: int = 0, *, after: ProcessId | None = None
    ) -> ProcessId:
        """Wait until the forward is up, in a session other than `after`; return the session.

        Do not wait for the sweep: probe as soon as the port listens.
        """

        def fact() -> ProcessId | None:
            found = self.tunnel(device, number)
            if found.status is Status.UP and found.session not in (None, after):
                return found.session
            if not self.inside and accepts(device.ports[number]):
                self.probe(device, number)
            return None

        try:
            return until(fact, f"{device.node} is up")
        except AssertionError as error:
            raise AssertionError(
                f"{error}: {self.tunnel(device, number)}\n{self.log()[-3000:]}"
            ) from None

    def probe(self, device: Device, number: int = 0) -> str:
        """Have the daemon probe the forward now, until the result is clear; return its sentence."""
        aim = Aim(node=NodeName(device.node), port=Port(device.ports[number]))
        (outcome,) = Control(layout=self.layout).act(Verb.PROBE, [aim])
        return outcome.sentence

    def hang(self, device: Device, connection: Connection) -> str:
        """Freeze the device's client, and have the daemon probe its first forward; return the
        sentence. A probe under way would answer for the second one, so wait for that first.
        """
        self.probe(device)
        connection.freeze()
        return self.probe(device)
