"""The life of the package: five commands to a first tunnel, upgrade, rollback, remove, purge."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from checker import __version__
from tests.programs import require
from tests.system.clients import Connection, Device
from tests.system.debs import CHECKOUT, NAME, NEWER, Debs, DebServer
from tests.system.harness import FAST
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
SERVICE = "reversi-checker.service"
PORT = 20500
LEFT_BY_NONE = (
    "/etc/reversi",
    "/var/lib/reversi",
    "/run/reversi",
    "/usr/lib/reversi",
    "/usr/bin/reversi*",
    "/usr/share/doc/reversi*",
)
ACCOUNTS = (("passwd", "reversi"), ("passwd", "reversi-checker"), ("group", "reversi-operators"))
BY_OTHERS = {"passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-", "ld.so.cache"}
"""What programs of the system write, such as useradd."""


def five_commands() -> list[str]:
    """What the README tells a new user to type."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## Your first tunnel\n")[2].partition("\n## ")[0]
    return [
        line.removeprefix("    ").partition("  # ")[0].rstrip()
        for line in section.splitlines()
        if line.startswith("    ")
    ]


@dataclass(slots=True)
class World:
    """A server that the README's commands made a gateway, with a second node."""

    server: DebServer
    debs: Debs
    before: dict[str, bytes]
    """/etc before the first command."""
    device: Device
    tunnel: Connection

    def install(self, deb: Path, *options: str) -> None:
        self.server.bring(deb)
        self.server.type(f"apt-get install -qq --yes {' '.join(options)} ./{deb.name}")

    def statuses(self) -> dict[str, str]:
        document = json.loads(self.server.checker("status", "--json").stdout)
        return {tunnel["node"]: tunnel["status"] for tunnel in document["tunnels"]}

    def holders(self) -> list[str]:
        """The sshd processes of the tunnels, and sshd itself."""
        port = re.search(r"port = (\d+)", self.server.read("/etc/reversi/nodes/office.toml"))
        assert port is not None
        ports = (int(port[1]), PORT)
        sshd = self.server.main_pid("ssh.service")
        return [*(self.server.holder(one) for one in ports), str(sshd)]

    def await_up(self) -> None:
        wanted = {"office": "up", "shed": "up"}
        until(lambda: self.statuses() == wanted, "both tunnels are up")

    def is_undisturbed(self, during: str) -> None:
        """Type the line; meanwhile each login and each beat gets its answer, and no tunnel ends."""
        before, daemon = self.holders(), self.server.main_pid(SERVICE)
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(self.server.type, during)
            verdicts = [0]
            while not done.done():
                verdicts += [self.device.verdict("check"), self.tunnel.beat()]
            done.result()
        assert set(verdicts) == {0}
        assert self.server.main_pid(SERVICE) not in {0, daemon}
        self.await_up()
        assert self.tunnel.beat() == 0
        assert self.holders() == before


@pytest.fixture(scope="module")
def world(debs: Debs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require("sshd", "ssh", "unshare", "nsenter", "useradd", "systemctl", "ss", "ip", "apt-get")
    with closing(DebServer(tmp_path_factory.mktemp("nothing"))) as server:
        server.start_sshd()
        before = server.etc()
        server.bring(debs.present)
        install, init, add, build, status = five_commands()
        server.type(install)
        server.type(init)
        settings = server.read("/etc/reversi/reversi.toml")
        server.write("/etc/reversi/reversi.toml", settings + FAST)
        server.must("systemctl", "restart", SERVICE)
        server.type(add)
        server.type(build)
        until(lambda: server.typed(status).returncode == 0, "the first tunnel is up")
        with closing(server.service()) as target:
            device = server.add("shed", PORT, target.port)
            with closing(device.connect()) as tunnel:
                found = World(server, debs, before, device, tunnel)
                found.await_up()
                yield found


def test_five_commands_of_the_readme_bring_the_first_tunnel_up(world: World) -> None:
    assert (
        world.server.type(
            "ssh -p $(sed -n 's/^port = //p' /etc/reversi/nodes/office.toml) root@127.0.0.1 id -un"
        )
        == "root\n"
    )
    found = json.loads(world.server.checker("doctor", "--json").stdout)["checks"]
    assert {one["name"] for one in found if one["ok"] is False} <= {"clock", "disk"}


def test_upgrade_and_rollback_end_no_tunnel_and_refuse_no_login(world: World) -> None:
    keys = world.server.read("/etc/reversi/authorized_keys")
    world.server.bring(world.debs.newer)

    world.is_undisturbed(f"apt-get install -qq --yes ./{world.debs.newer.name}")

    assert world.server.type("reversi-checker --version") == f"reversi-checker {NEWER}\n"
    assert world.server.read("/etc/reversi/authorized_keys") == keys

    world.is_undisturbed(
        f"apt-get install -qq --yes --allow-downgrades ./{world.debs.present.name}"
    )

    assert world.server.type("reversi-checker --version") == f"reversi-checker {__version__}\n"


def test_a_removed_package_ends_no_tunnel_and_comes_back_to_the_same_gateway(world: World) -> None:
    server, before = world.server, world.holders()
    keys = server.read("/etc/reversi/authorized_keys")

    said = server.type(f"apt-get remove --yes {NAME}")

    assert "a device that loses its tunnel cannot come back" in said
    assert not server.has("/usr/lib/reversi")
    assert not server.has("/usr/bin/reversi-checker")
    assert server.run("systemctl", "is-enabled", SERVICE).stdout == "disabled\n"
    assert server.main_pid(SERVICE) == 0
    assert world.tunnel.beat() == 0
    assert world.holders() == before

    world.install(world.debs.present)

    world.await_up()
    assert world.tunnel.beat() == 0
    assert world.holders() == before
    assert server.run("systemctl", "is-enabled", SERVICE).stdout == "enabled\n"
    assert server.read("/etc/reversi/authorized_keys") == keys
    assert server.checker("init").stdout == "nothing to do\n"


def test_purge_leaves_nothing_and_ends_the_tunnels(world: World) -> None:
    server = world.server
    server.type("sh office.sh uninstall")

    server.type(f"apt-get purge --yes {NAME}")

    world.tunnel.ended()
    after = server.etc()
    assert {name for name in after if after[name] != world.before.get(name)} <= BY_OTHERS
    assert set(world.before) <= set(after)
    for place in LEFT_BY_NONE:
        assert server.run("sh", "-c", f"ls -d {place}").returncode == 2, place
    assert "reversi" not in server.must("getent", "passwd") + server.must("getent", "group")
    assert "0 loaded units" in server.must(
        "systemctl", "list-units", "--all", "--plain", "reversi-*"
    )
    assert server.must("sshd", "-T", "-C", "user=reversi").count("reversi") == 0
    assert server.run("dpkg", "-s", NAME).returncode == 1
