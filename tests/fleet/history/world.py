"""Three gateways of one fleet, everything that runs on them, and the tunnels that they hold."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from checker.cli.main import run
from checker.fleet.bus_files import bus_folder
from checker.linux.processes import is_alive
from checker.model import ProcessId
from checker.signatures import KEY_FILE
from checker.sshd.keygen import make_key
from checker.state.errors import StateError
from tests.fleet.history.network import Network
from tests.fleet.history.plan import GATEWAYS
from tests.fleet.homes import Signer, signer
from tests.system.accounts import Mode, me, own_install
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway, gateway_at
from tests.system.ports import free_port
from tests.system.services import Service
from tests.system.waiting import until
from tests.system.warm import Warm

COMMAND_WITHIN_S = 200.0


class Program:
    """A program that is killed and started again."""

    def __init__(self, words: Sequence[str], folder: Path, log: Path) -> None:
        self.words, self.folder, self.log = list(words), folder, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                self.words, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()


@dataclass(kw_only=True)
class Site:
    """One gateway, and the editor who sits there."""

    id: str
    gateway: Gateway
    editor: Signer
    bus: Program
    agent: Program
    push_key: Path
    warm: Warm
    """Runs the editor's commands."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Whoever breaks something here holds it until that is mended."""
    steady: list[Device] = field(default_factory=list)
    """Tunnels that nobody touches."""
    victim: Device | None = None
    """Whose tunnel the acts end."""
    connection: Connection | None = None
    """Of the victim."""

    def do(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this gateway as its editor."""
        place = {
            "env": {**os.environ, KEY_FILE: str(self.editor.key)},
            "cwd": self.gateway.folder,
        }
        home = ("--home", str(self.gateway.home))
        return self.warm.run([*home, *words], place, within_s=COMMAND_WITHIN_S)

    def must(self, *words: str) -> str:
        done = self.do(*words)
        assert done.returncode == 0, f"{self.id}: {words}: {done.stderr}"
        return done.stdout

    def push(self) -> subprocess.CompletedProcess[str]:
        """Bring the others what this gateway has."""
        ssh = f"ssh -F none -o IdentitiesOnly=yes -o ConnectTimeout=3 -i {self.push_key}"
        login = self.gateway.mode.tunnel.name
        return self.do("fleet", "push", "--login", login, "--ssh", ssh)

    def session(self, node: str) -> ProcessId | None:
        """Return the live process of the newest connection of a node."""
        try:
            with contextlib.closing(self.gateway.state()) as state:
                found = [one.session for one in state.registrations() if one.node == node]
        except StateError:
            return None
        return next((one for one in reversed(found) if is_alive(one)), None)


@dataclass(kw_only=True)
class World:
    """All of it."""

    sites: dict[str, Site]
    network: Network
    folder: Path
    stack: ExitStack

    def site(self, number: int) -> Site:
        return self.sites[GATEWAYS[number]]

    @property
    def all(self) -> list[Site]:
        return list(self.sites.values())

    def heal(self) -> None:
        """Start what was killed, and wait until each gateway works again."""
        for site in self.all:
            for program in (site.bus, site.agent):
                program.signal(signal.SIGCONT)
                if program.process is None or program.process.poll() is not None:
                    program.start()


@contextlib.contextmanager
def world(folder: Path, *, can_split: bool) -> Iterator[World]:
    """Make and start the fleet; end and remove it after the block."""
    with ExitStack() as stack:
        network = Network()
        stack.callback(network.close)
        if can_split:
            network.lay()
        people = [signer(folder / "people", f"editor{number}") for number in (1, 2, 3)]
        push_key = folder / "people" / "push"
        make_key(push_key, comment="push")
        mode = Mode(runner=me(), tunnel=me(), install=own_install())
        sites = {}
        for id_, editor in zip(GATEWAYS, people, strict=True):
            host, inside = network.host(id_), network.inside(id_)
            gateway = stack.enter_context(gateway_at(mode, inside=inside, host=host))
            make_member(gateway, id_, people, editor, push_key)
            sites[id_] = site_of(id_, gateway, editor, push_key, inside)
            stack.callback(sites[id_].warm.close)
        found = World(sites=sites, network=network, folder=folder, stack=stack)
        join(found)
        for site in found.all:
            start(site, stack)
        hold_tunnels(found)
        yield found


def make_member(
    gateway: Gateway, id_: str, people: Sequence[Signer], editor: Signer, push_key: Path
) -> None:
    """Make a gateway one of the fleet, which takes what comes with the push key."""
    layout = gateway.layout
    layout.nodes.mkdir(exist_ok=True)
    layout.fleet.mkdir()
    make_key(layout.host_key, comment=id_)
    lines = "".join(person.line for person in people)
    (layout.fleet / "allowed_signers").write_text(lines, encoding="utf-8")
    quietly(gateway, editor, "fleet", "init", id_)
    with layout.config.open("a", encoding="utf-8") as file:
        file.write(f"bus_port = {free_port()}\n")
    quietly(gateway, editor, "fleet", "card", "--bus", f"{gateway.host}:{free_port()}")
    receive = f"{sys.executable} -m checker --home {gateway.home} fleet import -"
    public = push_key.with_suffix(".pub").read_text(encoding="ascii")
    layout.authorized_keys.write_text(f'restrict,command="{receive}" {public}', encoding="ascii")
    layout.authorized_keys.chmod(0o600)


def quietly(gateway: Gateway, editor: Signer, *words: str) -> None:
    """Run a command in this process."""
    os.environ[KEY_FILE] = str(editor.key)
    with redirect_stdout(StringIO()):
        assert run(["--home", str(gateway.home), *words]) == 0, words


def site_of(
    id_: str, gateway: Gateway, editor: Signer, push_key: Path, inside: tuple[str, ...]
) -> Site:
    agent = [*inside, sys.executable, "-m", "checker", "--home", str(gateway.home)]
    return Site(
        id=id_,
        gateway=gateway,
        editor=editor,
        bus=Program(
            [*inside, "nats-server", "-c", "nats.conf"],
            bus_folder(gateway.layout),
            gateway.folder / "nats.log",
        ),
        agent=Program([*agent, "fleet", "serve"], gateway.folder, gateway.folder / "agent.log"),
        push_key=push_key,
        warm=Warm(*inside, sys.executable),
    )


def join(found: World) -> None:
    """Give each gateway the cards of all."""
    cards = [str(site.gateway.layout.fleet / "gateways" / f"{site.id}.toml") for site in found.all]
    for site in found.all:
        quietly(site.gateway, site.editor, "fleet", "join", *cards)


def start(site: Site, stack: ExitStack) -> None:
    """Start all that runs on a gateway."""
    site.gateway.start_sshd()
    site.gateway.serve()
    for program in (site.bus, site.agent):
        program.start()
        stack.callback(program.kill)


def hold_tunnels(found: World) -> None:
    """At each gateway, open two tunnels that nobody touches, and one for acts to end."""
    service = found.stack.enter_context(contextlib.closing(Service()))
    for site in found.all:
        for name in ("ssh", "dropbear", "victim"):
            device = add_device(site, f"{site.id}-{name}", service)
            if name == "victim":
                site.victim = device
                continue
            site.steady.append(device)
            words = (device.ssh if name == "ssh" else device.dbclient)("-T", *device.forwards())
            connection = Connection([*words, "hold", "first"])
            site.gateway.connections.append(connection)
        pushed = site.push()
        assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    for site in found.all:
        for device in site.steady:
            until(lambda site=site, device=device: site.session(device.node), f"{device.node}")  # type: ignore[misc]


def add_device(site: Site, name: str, service: Service) -> Device:
    """Register a node that is there from the beginning, and stays."""
    gateway = site.gateway
    port, config = gateway.port(), gateway.folder / f"{name}.toml"
    forward = f"{port}={service.target}"
    site.must("node", "add", name, "--forward", forward, "--client-config", str(config))
    public = gateway.layout.host_key.with_suffix(".pub").read_text(encoding="ascii")
    return Device(
        node=name,
        ports=(port,),
        targets=(f"127.0.0.1:{service.port}",),
        user=gateway.mode.tunnel.name,
        host=gateway.host,
        ssh_port=gateway.ssh_port,
        host_key=public.rstrip(),
        config=config,
    )
