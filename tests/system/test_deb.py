"""The life of the package: five commands to a first tunnel, upgrade, rollback, remove, purge."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from checker import __version__
from tests.programs import require
from tests.system.clients import Connection, Device, is_reloading
from tests.system.debs import CHECKOUT, EARLIER, GATEWAY, NEWER, Debs, DebServer
from tests.system.harness import FAST
from tests.system.page_blocks import commands
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
SERVICE = "reversi-checker.service"
SETTINGS = "/etc/reversi/reversi.toml"
INSTALL = "sudo apt install ./reversi-ssh_*.deb"
BACKUP = "sudo reversi-checker backup /var/backups/gateway.tar.gz"
UPGRADE = "sudo apt install ./reversi-ssh_NEW.deb"
DOCTOR = "sudo reversi-checker doctor"
ROLL_BACK = "sudo apt install --allow-downgrades ./reversi-ssh_OLD.deb"
REMOVE = "sudo apt remove reversi-ssh"
PURGE = "sudo apt purge reversi-ssh"
REST_S = 0.5
"""Between two logins, to leave the package manager some time."""
METRICS = "reversi-metrics.service"
UNITS = (SERVICE, "reversi-keys.path", METRICS, "reversi-keys.service")
OPTIONS = "/etc/default/reversi-metrics"
CHANGED = 'ARGS="--per node"\n'
OLD_LINKS = [f"/usr/local/bin/reversi-{name}" for name in ("checker", "client", "tui")]
FROM_OPT = (
    f"sudo rm {' '.join(OLD_LINKS)}",
    "sudo /usr/bin/reversi-checker init",
    "sudo systemctl restart reversi-checker",
    DOCTOR,
    "sudo rm -r /opt/reversi",
)
LEFT_BY_NONE = (
    *("/var/lib/reversi*", "/run/reversi"),
    *("/usr/lib/reversi", "/usr/bin/reversi*", "/usr/share/doc/reversi*"),
)
ACCOUNTS = (("passwd", "reversi"), ("passwd", "reversi-checker"), ("group", "reversi-operators"))
OF_A_DEVICE = {
    "systemd/system/garage.service": (
        '[Service]\nExecStart="/usr/lib/reversi/bin/python3" "-m" "client" "run"\n'
        "LoadCredential=config:/etc/reversi/garage.toml\n"
    ),
    "reversi/garage.toml": "of a service",
    "reversi/client.toml": "of reversi-client without --config",
    "reversi/roof.sh": "a bundle",
    "reversi/roof.key": "its key",
}
BY_OTHERS = {"passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-", *OF_A_DEVICE}
"""Files in /etc that may differ after purge: those that useradd writes, and the device's."""


def five_commands() -> list[str]:
    """What the README tells a new user to type."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## Your first tunnel\n")[2].partition("\n## ")[0]
    return [line.removeprefix("    ") for line in section.splitlines() if line.startswith("    ")]


@dataclass(slots=True, kw_only=True)
class World:
    """A gateway with live tunnels."""

    server: DebServer
    ports: Mapping[str, int]
    """Of each node that is up."""
    device: Device
    tunnel: Connection
    """Of the device."""

    def holders(self) -> list[str]:
        """The sshd processes of the tunnels, and sshd itself."""
        sshd = self.server.main_pid("ssh.service")
        return [*(self.server.holder(port) for port in self.ports.values()), str(sshd)]

    def await_up(self) -> None:
        until(lambda: self.statuses() == dict.fromkeys(self.ports, "up"), "all tunnels are up")

    def statuses(self) -> dict[str, str]:
        document = json.loads(self.server.checker("status", "--json").stdout)
        return {tunnel["node"]: tunnel["status"] for tunnel in document["tunnels"]}

    def type_undisturbed(self, line: str) -> None:
        """Meanwhile each login and each beat gets its answer, and no tunnel ends."""
        before = self.holders()
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(self.server.type, line)
            verdicts = [0]
            while not done.done():
                verdicts += [*self.verdict(), self.tunnel.beat()]
                wait([done], timeout=REST_S)
            done.result()
        assert set(verdicts) == {0}
        self.await_up()
        assert self.tunnel.beat() == 0
        assert self.holders() == before

    def verdict(self) -> list[int]:
        """The answer to a login; none while sshd reads its files again, and listens to nobody."""
        done = self.device.ask("check")
        if done.returncode and is_reloading(done.stderr):
            return []
        assert done.returncode == 0, done.stderr
        return [int(done.stdout)]

    def change_release(self, line: str, version: str) -> None:
        daemon = self.server.main_pid(SERVICE)
        keys = self.server.key_text()
        self.type_undisturbed(line)
        assert self.server.main_pid(SERVICE) not in {0, daemon}
        assert self.server.type("reversi-checker --version") == f"reversi-checker {version}\n"
        assert self.server.key_text() == keys


def hurry(server: DebServer) -> None:
    """Let the gateway probe more often, to spare the test's time."""
    server.write(SETTINGS, server.read(SETTINGS) + FAST)
    server.must("systemctl", "restart", SERVICE)


def faults(server: DebServer) -> set[str]:
    """What the doctor finds wrong; the clock and the disk are not ours to judge."""
    found = json.loads(server.checker("doctor", "--json").stdout)["checks"]
    return {one["name"] for one in found if one["ok"] is False} - {"clock", "disk"}


def in_etc(server: DebServer) -> set[str]:
    """Our units that are in /etc, where each takes the place of one of the package."""
    return {name for name in UNITS if server.has(f"/etc/systemd/system/{name}")}


def enabled(server: DebServer) -> dict[str, str]:
    """Of each unit that starts at boot: the file that its link names."""
    links = {name: f"/etc/systemd/system/multi-user.target.wants/{name}" for name in UNITS}
    return {
        name: server.must("readlink", "-f", link).strip()
        for name, link in links.items()
        if server.has(link)
    }


def options_in_use(server: DebServer) -> str:
    """The command line of the metrics' process."""
    return server.must("cat", f"/proc/{server.main_pid(METRICS)}/cmdline")


@pytest.fixture(scope="module")
def server(debs: Debs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebServer]:
    """A server with the packages in /root, under the names that the pages use."""
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require("sshd", "ssh", "unshare", "nsenter", "useradd", "systemctl", "ss", "ip", "apt-get")
    with closing(DebServer(tmp_path_factory.mktemp("nothing"))) as found:
        found.start_sshd()
        found.bring(debs.present, "reversi-ssh_OLD.deb")
        yield found


@pytest.fixture(scope="module")
def etc(server: DebServer) -> dict[str, bytes]:
    """The server's /etc before the first command."""
    return server.etc()


@pytest.fixture(scope="module")
def world(server: DebServer, debs: Debs, etc: dict[str, bytes]) -> Iterator[World]:
    """The gateway of the README's five commands, with one more node."""
    assert etc
    install, init, add, build, status = five_commands()
    server.type(install)
    assert enabled(server) == {}
    server.must("systemctl", "start", SERVICE)
    assert server.main_pid(SERVICE) == 0, "it waits for init"
    server.type(init)
    assert in_etc(server) == set()
    hurry(server)
    for line in (add, build):
        server.type(line)
    until(lambda: server.typed(status).returncode == 0, "the first tunnel is up")
    port = re.search(r"port = (\d+)", server.read("/etc/reversi/nodes/office.toml"))
    assert port is not None
    server.bring(debs.newer, "reversi-ssh_NEW.deb")
    server.bring(debs.earlier, "reversi-ssh_EARLIER.deb")
    with closing(server.service()) as target:
        device = server.add("shed", 20500, target.port)
        ports = {"office": int(port[1]), "shed": 20500}
        with closing(device.connect()) as tunnel:
            found = World(server=server, ports=ports, device=device, tunnel=tunnel)
            found.await_up()
            yield found


def test_each_command_of_the_page_about_the_package_is_typed() -> None:
    page = (CHECKOUT / "docs/package.md").read_text(encoding="utf-8")

    steps = (INSTALL, BACKUP, UPGRADE, DOCTOR, ROLL_BACK, REMOVE, PURGE, INSTALL, *FROM_OPT)
    assert commands(page) == list(steps)
    assert len(five_commands()) == 5
    assert five_commands()[0] == INSTALL


def test_five_commands_of_the_readme_bring_the_first_tunnel_up(world: World) -> None:
    way_in = f"ssh -p {world.ports['office']} root@127.0.0.1 id -un"

    assert world.server.type(way_in) == "root\n"
    assert faults(world.server) == set()
    assert not world.server.has("/tmp/office.sh")
    world.server.ok("init", "--root", "/root/tree")
    unit = world.server.read(f"/root/tree/etc/systemd/system/{SERVICE}")
    assert "\nExecStart=/usr/lib/reversi/bin/python3 -I -m checker serve $ARGS\n" in unit


def test_upgrade_and_rollback_end_no_tunnel_and_refuse_no_login(world: World) -> None:
    world.server.type(BACKUP)

    world.change_release(UPGRADE, NEWER)
    world.change_release(ROLL_BACK, __version__)
    assert in_etc(world.server) == set()


def test_units_move_to_etc_with_a_rollback_and_back_to_the_package(world: World) -> None:
    server = world.server
    server.write(OPTIONS, CHANGED)
    assert server.checker("init", "--metrics").returncode == 0
    assert options_in_use(server).endswith("--per\0node\0")

    world.change_release(ROLL_BACK.replace("OLD", "EARLIER"), EARLIER)

    assert in_etc(server) == set(UNITS)
    assert enabled(server) == {name: f"/etc/systemd/system/{name}" for name in UNITS[:3]}
    assert "ConditionPathExists" not in server.unit()
    assert server.main_pid(METRICS) != 0
    assert server.checker("init").stdout == "nothing to do\n"

    world.change_release("sudo apt install ./reversi-ssh_OLD.deb", __version__)

    assert in_etc(server) == set()
    assert enabled(server) == {name: f"/usr/lib/systemd/system/{name}" for name in UNITS[:3]}
    assert server.checker("init").stdout == "nothing to do\n"
    assert faults(server) == set()
    assert server.read(OPTIONS) == CHANGED
    assert options_in_use(server).endswith("--per\0node\0")


def test_without_the_package_devices_get_in_and_with_it_all_is_as_before(world: World) -> None:
    server, before = world.server, world.holders()
    keys = server.key_text()

    assert "sshd lets the devices in" in server.type(REMOVE)

    for place in LEFT_BY_NONE[2:]:
        assert server.run("sh", "-c", f"ls -d {place}").returncode == 2, place
    assert server.run("systemctl", "is-enabled", SERVICE).stdout == "disabled\n"
    assert server.main_pid(SERVICE) == 0
    assert world.tunnel.beat() == 0
    assert world.holders() == before
    assert server.read(OPTIONS) == CHANGED
    assert [world.device.verdict("check"), world.device.verdict("claim", "first")] == [0, 0]
    with closing(replace(world.device, ports=(), targets=()).connect("hold", "second")) as other:
        assert other.beat() == 0

    server.type("sudo apt install ./reversi-ssh_OLD.deb")

    world.await_up()
    assert world.tunnel.beat() == 0
    assert world.holders() == before
    assert server.run("systemctl", "is-enabled", SERVICE).stdout == "enabled\n"
    assert server.key_text() == keys
    assert server.checker("init").stdout == "nothing to do\n"
    assert not server.has("/etc/reversi/.while-removed")


def test_purge_leaves_nothing_and_ends_the_tunnels(world: World, etc: dict[str, bytes]) -> None:
    server = world.server
    server.type("reversi-client build office && sh office.sh uninstall")
    for file, text in OF_A_DEVICE.items():
        server.write(f"/etc/{file}", text)

    said = server.type(PURGE)

    assert "garage.service goes on" in said
    assert "the gateway is gone: its tunnels have ended" in said

    world.tunnel.ended()
    after = server.etc()
    assert {name for name in after if after[name] != etc.get(name)} <= BY_OTHERS
    assert set(etc) <= set(after)
    assert set(after) >= set(OF_A_DEVICE)
    for place in LEFT_BY_NONE:
        assert server.run("sh", "-c", f"ls -d {place}").returncode == 2, place
    for kind, name in ACCOUNTS:
        assert server.run("getent", kind, name).returncode == 2, name
    server.await_no_units()
    assert "reversi" not in server.must("sshd", "-T", "-C", "user=reversi")


def test_a_gateway_in_opt_moves_to_the_package(server: DebServer) -> None:
    server.uninstall_package()
    server.install_into_opt()
    server.ok("init", "--gateway", f"{GATEWAY}:22")
    hurry(server)
    with closing(server.service()) as target:
        device = server.add("barn", 20600, target.port)
        with closing(device.connect()) as tunnel:
            world = World(server=server, ports={"barn": 20600}, device=device, tunnel=tunnel)
            world.await_up()

            world.type_undisturbed("sudo apt install ./reversi-ssh_OLD.deb")

            assert server.unit()["ExecStart"].startswith("/opt/reversi/")
            for line in FROM_OPT:
                # the doctor ends with 1 where the clock is not synchronized, as in a container
                world.type_undisturbed(f"{line} || [ $? -eq 1 ]" if line == DOCTOR else line)
            assert server.unit()["ExecStart"].startswith("/usr/lib/reversi/")
            assert "/opt/" not in server.key_text()
            assert faults(server) == set()
