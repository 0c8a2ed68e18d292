"""Three gateways on one bus, on this machine: a nats-server, an agent and a state file each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from checker.fleet.bus_files import bus_folder
from checker.model import NodeName, Port, Status, Tunnel
from checker.model.gateway_id import GatewayId
from checker.model.pulse import HeardPulse
from checker.state.errors import StateError
from checker.state.mirrors import mirror_path, read_pulse
from checker.state.rows import Batch, Sweep
from checker.state.store import StateFile, open_reader, open_store
from tests.fleet.homes import make_home, signer
from tests.strategies import free_port
from tests.system.waiting import until

T = TypeVar("T")
WITHIN_S = 120.0
"""Longer than any back-off takes on a busy machine."""


@contextmanager
def program(words: Sequence[str], folder: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the end of the block, whatever happens."""
    with log.open("ab") as file:
        process = subprocess.Popen(words, cwd=folder, stdout=file, stderr=file)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(kw_only=True)
class Station:
    """One gateway of the bus."""

    layout: Layout
    id: GatewayId
    store: StateFile
    """Open for writing, as a daemon has it."""
    stack: ExitStack
    bus: subprocess.Popen[bytes] | None = None
    agent: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        assert self.layout.home is not None
        return self.layout.home

    def start_bus(self) -> None:
        words = ["nats-server", "-c", "nats.conf"]
        log = self.home / "nats.log"
        self.bus = self.stack.enter_context(program(words, bus_folder(self.layout), log))

    def start_agent(self) -> None:
        words = [sys.executable, "-m", "checker", "--home", str(self.home), "fleet", "serve"]
        log = self.home / "agent.log"
        self.agent = self.stack.enter_context(program(words, self.home, log))

    def kill_bus(self) -> None:
        assert self.bus is not None
        self.bus.kill()
        self.bus.wait()

    def kill_agent(self) -> None:
        assert self.agent is not None
        self.agent.kill()
        self.agent.wait()

    def see(self, name: str, status: Status) -> None:
        """Write what a sweep saw."""
        now = time.time()
        one = Tunnel(node=NodeName(name), port=Port(20000), status=status, since=now, probed_at=now)
        sweep = Sweep(pid=os.getpid(), swept_at=now, every_s=20.0)
        self.store.write(Batch(tunnels=[one], sweep=sweep))

    def rows_of(self, other: Station) -> dict[str, str]:
        """Return the status of each node in the mirror of another gateway."""
        found = self.read(other, lambda mirror: mirror.tunnels())
        return {one.node: one.status.value for one in found or ()}

    def pulse_of(self, other: Station) -> HeardPulse | None:
        return self.read(other, read_pulse)

    def read(self, other: Station, reading: Callable[[StateFile], T]) -> T | None:
        """Read a mirror; None if it cannot be read now."""
        try:
            mirror = open_reader(mirror_path(self.layout, other.id))
        except StateError:
            return None
        try:
            return reading(mirror)
        finally:
            mirror.close()

    def hears(self, other: Station, *, after: HeardPulse | None = None) -> HeardPulse | None:
        """Return a pulse that came after this one."""
        found = self.pulse_of(other)
        if found is None or (after is not None and found.heard_at <= after.heard_at):
            return None
        return found


@contextmanager
def stations(
    folder: Path, ids: Sequence[str], *, are_started: bool = True
) -> Iterator[list[Station]]:
    """Make gateways that know each other, and start their nats-servers and agents."""
    anna = signer(folder / "people", "anna")
    key = ["--key", str(anna.key)]
    homes = [make_home(folder, id_, anna) for id_ in ids]
    for home in homes:
        config = home / "reversi.toml"
        with config.open("a", encoding="utf-8") as file:
            file.write(f"bus_port = {free_port()}\n")
        words = ["fleet", "card", "--bus", f"127.0.0.1:{free_port()}", *key]
        assert run(["--home", str(home), *words]) == 0
    cards = [str(home / "fleet" / "gateways" / f"{home.name}.toml") for home in homes]
    with ExitStack() as stack:
        found = []
        for home in homes:
            assert run(["--home", str(home), "fleet", "join", *cards]) == 0
            layout = home_layout(home)
            store = open_store(layout.state)
            stack.callback(store.close)
            found.append(Station(layout=layout, id=GatewayId(home.name), store=store, stack=stack))
        for one in found if are_started else ():
            one.start_bus()
        for one in found if are_started else ():
            one.start_agent()
        yield found


def until_connected(many: Sequence[Station]) -> None:
    """Wait until each hears a new pulse of each other one."""
    for one in many:
        for other in many:
            if one is not other:
                before = one.pulse_of(other)
                until(
                    lambda one=one, other=other, before=before: one.hears(other, after=before),  # type: ignore[misc]
                    f"{one.id} hears {other.id}",
                    within_s=WITHIN_S,
                )
