"""Type every command of docs/bulk.md on a laptop: ssh, Ansible, pssh and clush on real nodes."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.programs import require
from tests.system.accounts import own_install
from tests.system.box_server import BoxServer
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.laptop import Laptop
from tests.system.page_blocks import blocks, commands
from tests.system.page_steps import Step, type_all, unknown
from tests.system.shell.stand_ins import program

pytestmark = pytest.mark.sshd
PAGE = Path(__file__).parents[2] / "docs" / "bulk.md"
CONFIG = "ssh gw reversi-checker ssh-config --jump gw --user root > ~/.ssh/config.d/reversi"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """An admin's laptop, the gateway, and the device `office`, whose tunnel is up."""

    laptop: Laptop
    gateway: Gateway
    device: Device
    machine: BoxServer
    """The SSH server of the device."""

    def came_through_the_tunnel(self) -> None:
        there = Path("/etc/hostname").read_text(encoding="utf-8")
        assert (self.laptop.folder / "office.txt").read_text(encoding="utf-8") == there
        alias = f"reversi:office:localhost:{self.machine.port}"
        assert self.laptop.type(f"ssh-keygen -F {alias} -f ~/.ssh/reversi_known_hosts")

    def has_the_pinned_key(self) -> None:
        """From now on only that key counts."""
        kind, key, *_ = (self.machine.folder / "host.pub").read_text(encoding="ascii").split()
        pinned = (self.laptop.ssh / "reversi_pinned_keys").read_text(encoding="ascii")
        assert pinned == f"reversi:office:localhost:{self.machine.port} {kind} {key}\n"
        (self.laptop.ssh / "reversi_known_hosts").unlink()

    def has_the_copies(self) -> None:
        """Both tools copied the file to the device, which puts it beside its keys."""
        copies = [self.machine.folder / name for name in ("office.txt", "copy.txt")]
        assert [path.exists() for path in copies] == [True, True]


BULK: tuple[Step[Admin], ...] = (
    Step("mkdir -p ~/.ssh/config.d"),
    Step(CONFIG),
    Step("ssh office uptime", says="load average"),
    Step("scp -q office:/etc/hostname office.txt", after=Admin.came_through_the_tunnel),
    Step("ssh gw sudo reversi-checker node pin office --yes", says="host key pinned"),
    Step(
        "ssh gw reversi-checker known-hosts > ~/.ssh/reversi_pinned_keys",
        after=Admin.has_the_pinned_key,
    ),
    Step(CONFIG, says="1 host has a pinned key"),
    Step("ssh office uptime", says="load average"),
    Step(
        r"printf '#!/bin/sh\nexec ssh gw reversi-checker inventory --jump gw --user root"
        r""" "$@"\n' > fleet"""
    ),
    Step("chmod +x fleet"),
    Step("ansible-inventory -i ./fleet --graph", says="  |--@tag_site_a:\n  |  |--office\n"),
    Step("ansible -i ./fleet tag_site_a -m ping", says='"ping": "pong"'),
    Step(
        "ansible -i ./fleet reversi_up --limit '!reversi_stale' -m raw -a uptime",
        says="office | CHANGED | rc=0 >>",
    ),
    Step("ssh gw reversi-checker ssh-config --names --filter status:up > up.txt"),
    Step("parallel-ssh -h up.txt -p 20 -t 60 -i uptime", says="[SUCCESS] office"),
    Step("parallel-scp -h up.txt -p 20 -t 300 office.txt /tmp/", says="[SUCCESS] office"),
    Step("clush --hostfile=up.txt -f 20 -u 60 -b uptime", says="load average"),
    Step(
        "clush --hostfile=up.txt -f 20 --copy office.txt --dest /tmp/copy.txt",
        after=Admin.has_the_copies,
    ),
)


@pytest.fixture
def admin(gateway: Gateway, tmp_path: Path) -> Iterator[Admin]:
    require("parallel-ssh", "scp")
    commands = tmp_path / "bin"
    commands.mkdir()
    words = shlex.join([*own_install().words, "--home", str(gateway.home)])
    program(commands, "reversi-checker", f'#!/bin/sh\nexec {words} "$@"\n')
    program(commands, "sudo", '#!/bin/sh\nexec "$@"\n')
    with (
        closing(
            BoxServer(tmp_path / "gw", more=[f"SetEnv PATH={commands}:{SYSTEM_PATH}"])
        ) as admins,
        closing(BoxServer(tmp_path / "office", more=["Subsystem sftp internal-sftp"])) as machine,
    ):
        device = gateway.add(f"127.0.0.1:{machine.port},banner:SSH-2.0", name="office")
        gateway.ok("node", "set", "office", "--tag", "site-a")
        gateway.connect(device)
        gateway.await_up(device)
        laptop = Laptop(
            tmp_path / "laptop",
            [admins, machine],
            f"Host gw\n  HostName 127.0.0.1\n  Port {admins.port}\n",
            {
                "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
                "LANG": "C.UTF-8",
                # its shared connections end soon, so that no process is left
                "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=1",
                "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
                "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote"),
            },
        )
        yield Admin(laptop=laptop, gateway=gateway, device=device, machine=machine)


def test_each_command_of_the_page_is_known() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert [block.kind for block in blocks(text)] == ["sh"] * 4
    assert unknown(commands(text), [step.line for step in BULK]) == ""


def test_each_command_of_the_page_reaches_the_node(admin: Admin) -> None:
    type_all(admin, BULK, admin.laptop, {"/tmp/": f"{admin.machine.folder}/"})
