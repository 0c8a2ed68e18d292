"""Two real gateways of one fleet, on one machine: sshd, daemon, nats-server and agent."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from checker.cli.main import run
from checker.config.layout import Layout
from checker.fleet.bus_files import bus_folder
from checker.model import Event, EventKind, NodeName, Port, ProcessId, by_place
from checker.model.gateway_id import GatewayId
from checker.signatures import KEY_FILE
from checker.state.errors import StateError
from checker.state.mirrors import mirror_path
from checker.state.store import open_reader
from tests.fleet.buses import WITHIN_S, program
from tests.fleet.homes import Signer
from tests.strategies import free_port
from tests.system.accounts import Mode
from tests.system.clients import Device
from tests.system.harness import Gateway, gateway_at
from tests.system.waiting import until

GW1, GW2 = GatewayId("gw1"), GatewayId("gw2")


class Place(NamedTuple):
    """Where a gateway runs: the prefix that enters its network namespace, and its address there."""

    inside: tuple[str, ...] = ()
    host: str = "127.0.0.1"


@dataclass(kw_only=True)
class Pair:
    """Anna sits at gw1, which takes the tunnels of gw2's sshd for another account's."""

    gw1: Gateway
    gw2: Gateway
    anna: Signer
    stack: ExitStack
    agents: dict[GatewayId, subprocess.Popen[bytes]] = field(default_factory=dict)
    buses: dict[GatewayId, subprocess.Popen[bytes]] = field(default_factory=dict)

    def at(self, id_: GatewayId) -> Gateway:
        return self.gw1 if id_ == GW1 else self.gw2

    def start_bus(self, id_: GatewayId) -> None:
        gateway = self.at(id_)
        folder, log = bus_folder(gateway.layout), gateway.folder / "fleet.log"
        server = program([*gateway.inside, "nats-server", "-c", "nats.conf"], folder, log)
        self.buses[id_] = self.stack.enter_context(server)

    def start_agent(self, id_: GatewayId) -> None:
        gateway = self.at(id_)
        words = [sys.executable, "-m", "checker", "--home", str(gateway.home), "fleet", "serve"]
        agent = program([*gateway.inside, *words], gateway.folder, gateway.folder / "fleet.log")
        self.agents[id_] = self.stack.enter_context(agent)

    def device(self, name: str) -> Device:
        """Register a node at gw2, and by hand at gw1, whose sshd knows its key then."""
        device = self.gw2.add(self.gw2.service().target, name=name)
        file = f"{name}.toml"
        shutil.copy(self.gw2.layout.nodes / file, self.gw1.layout.nodes / file)
        allowed, keys = f':{device.ports[0]}"', self.gw1.layout.authorized_keys
        until(lambda: allowed in keys.read_text(encoding="utf-8"), "gw1 lets it in")
        return device

    def connected(self) -> tuple[Device, ProcessId]:
        """Connect a device to gw2, and wait until gw1 sees which process holds its port."""
        device = self.device(f"far{len(self.gw2.connections)}")
        self.gw2.connect(device)
        session = self.gw2.await_up(device)
        until(lambda: self.mirrored(device) == session, "gw1 sees it", within_s=WITHIN_S)
        return device, session

    def mirrored(self, device: Device) -> ProcessId | None:
        """The process that holds the device's port at gw2, as gw1 knows it."""
        try:
            with closing(open_reader(mirror_path(self.gw1.layout, GW2))) as mirror:
                found = by_place(mirror.tunnels())
        except StateError:
            return None
        seen = found.get((NodeName(device.node), Port(device.ports[0])))
        return seen.session if seen else None

    def say(self, *words: str, key: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command at gw1, with anna's key at hand, or another one's."""
        options: dict[str, Any] = self.gw1.spawn_options()
        options["env"] = {**options["env"], KEY_FILE: str(key or self.anna.key)}
        return self.gw1.run(*words, **options)

    def acts(self, gateway: Gateway, device: Device) -> tuple[Event, ...]:
        """The events about acts on a device, the newest first."""
        return gateway.events(device, EventKind.ACT)


def made_of_fleet(
    layout: Layout, id_: str, anna: Signer, more: str, *, host: str = "127.0.0.1"
) -> None:
    """Make a gateway one of a fleet in which anna may sign, with a card on the bus."""
    home = str(layout.home)
    layout.nodes.mkdir(parents=True, exist_ok=True)
    layout.fleet.mkdir()
    (layout.fleet / "allowed_signers").write_text(anna.line, encoding="utf-8")
    assert run(["--home", home, "fleet", "init", id_]) == 0
    with layout.config.open("a", encoding="utf-8") as file:
        file.write(f"bus_port = {free_port()}\n{more}")
    bus = ["fleet", "card", "--bus", f"{host}:{free_port()}", "--key", str(anna.key)]
    assert run(["--home", home, *bus]) == 0


@contextmanager
def pair(
    first: Mode,
    second: Mode,
    anna: Signer,
    *,
    more: str = "",
    places: tuple[Place, Place] = (Place(), Place()),
    sshd: str = "",
) -> Iterator[Pair]:
    """Make both, and start all of both but gw1's sshd. `more`: settings of the fleet. `sshd`: the
    beginning of its configuration.
    """
    with ExitStack() as stack:
        gw1, gw2 = (
            stack.enter_context(gateway_at(mode, inside=place.inside, host=place.host))
            for mode, place in zip((first, second), places, strict=True)
        )
        both = {GW1: gw1, GW2: gw2}
        for id_, gateway in both.items():
            made_of_fleet(gateway.layout, id_, anna, more, host=gateway.host)
        cards = [str(one.layout.fleet / "gateways" / f"{id_}.toml") for id_, one in both.items()]
        found = Pair(gw1=gw1, gw2=gw2, anna=anna, stack=stack)
        for id_, gateway in both.items():
            assert run(["--home", str(gateway.home), "fleet", "join", *cards]) == 0
            found.start_bus(id_)
            found.start_agent(id_)
        gw2.start_sshd(more=sshd)
        for gateway in both.values():
            gateway.serve()
        yield found
