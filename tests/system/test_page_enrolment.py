"""Type every command of docs/enrolment.md: a device asks with the bundle, and becomes a node."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from checker.control.applicant_list import waiting
from checker.registry.enrolments import enrolment_key_path, read_enrolment
from checker.registry.reading import read_registry
from tests.bundles import SHELLS, Box, applets
from tests.programs import require, run_program
from tests.strategies import public_key
from tests.system.box_server import BoxServer
from tests.system.harness import Gateway
from tests.system.page_blocks import blocks, commands
from tests.system.page_steps import Step, type_all, unknown
from tests.system.shell.stand_ins import CRONTAB, program
from tests.system.waiting import until
from tests.terminals import answered

pytestmark = pytest.mark.sshd
PAGE = Path(__file__).parents[2] / "docs" / "enrolment.md"
ROOT = Path(__file__).parents[2]
COMMANDS = """
export REVERSI_HOME={home}
cd {folder}
sudo() {{ "$@"; }}
reversi-checker() {{ {checker} "$@"; }}
reversi-client() {{ env PYTHONPATH={root} {python} -m client "$@"; }}
"""
UNAME = '#!/bin/sh\n[ "${1:-}" = -n ] && exec echo mast-7\nexec echo Linux\n'


class Desk:
    """Where the admin types: this checkout's commands, with or without a terminal."""

    def __init__(self, gateway: Gateway, folder: Path, answer: str | None = None) -> None:
        self.folder = folder
        self.answer = answer
        """What the admin types at the question; None: there is no terminal."""
        self.setup = COMMANDS.format(
            home=shlex.quote(str(gateway.home)),
            folder=shlex.quote(str(folder)),
            checker=shlex.join(gateway.mode.install.words),
            root=shlex.quote(str(ROOT)),
            python=shlex.quote(sys.executable),
        )

    def typed(self, line: str) -> subprocess.CompletedProcess[str]:
        words = ["bash", "-c", f"{self.setup}\n{line}"]
        if self.answer is not None:
            code, out, shown = answered(words, self.answer)
            return subprocess.CompletedProcess(words, code, out, shown)
        return run_program(words)


class DeviceShell:
    """The shell of the device, in which the bundle lies."""

    def __init__(self, box: Box) -> None:
        self.box = box

    def typed(self, line: str) -> subprocess.CompletedProcess[str]:
        shell, file, *words = shlex.split(line)
        assert shell == "sh"
        return self.box.sh(self.box.folder / file, *words)


@dataclass(kw_only=True)
class Site:
    """A gateway, its admin, and a device with an SSH server of its own."""

    gateway: Gateway
    folder: Path
    box: Box
    machine: BoxServer
    here: dict[str, str] = field(default_factory=dict)
    """What stands for a part of a command here."""
    asked: int = 0

    def desk(self) -> Desk:
        return Desk(self.gateway, self.folder)

    def terminal(self) -> Desk:
        return Desk(self.gateway, self.folder, "y")

    def device(self) -> DeviceShell:
        return DeviceShell(self.box)

    def copy_to_the_device(self) -> None:
        """With the directory of this device in it; and it asks every second, not every half
        minute.
        """
        text = (self.folder / "reversi-masts.sh").read_text(encoding="ascii")
        for pattern, value in (
            (r"(?m)^ROOT=.*$", f"ROOT={shlex.quote(str(self.box.root))}"),
            (r"(?m)^STARTED_BY=.*$", "STARTED_BY=cron"),
            (r"asked_s=\$2 granted=", "asked_s=1 granted="),
        ):
            text, count = re.subn(pattern, value, text)
            assert count == 1, pattern
        self.box.write(text, "reversi-masts.sh")

    def shows_its_fingerprint(self) -> None:
        """The device said with which words it can be accepted."""
        until(lambda: self.wait("mast-7"), "it waits")
        (one,) = waiting(self.gateway.layout)
        self.here["mast-7@SHA256:..."] = f"{one.name}@{one.fingerprint}"
        assert one.fingerprint in self.device().typed("sh reversi-masts.sh status").stdout

    def comes_up(self) -> None:
        """It needs nobody for that; the host key that it sent is the one that answers."""
        until(lambda: self.gateway.run("status", "mast-7").returncode == 0, "mast-7 is up")
        kind, key, *_ = (self.machine.folder / "host.pub").read_text(encoding="ascii").split()
        node = read_registry(self.gateway.layout.nodes).node("mast-7")
        assert node.forwards[0].host_key == f"{kind} {key}"
        assert (node.tags, self.wait()) == (("masts",), True)
        until(lambda: not self.holds_the_key(), "the device deletes the enrolment's key")

    def holds_the_key(self) -> bool:
        secret = enrolment_key_path(self.gateway.layout, "masts").read_text(encoding="ascii")
        line = secret.splitlines()[2].encode()
        try:
            return any(
                line in path.read_bytes() for path in self.box.root.rglob("*") if path.is_file()
            )
        except FileNotFoundError:
            return True  # it is being removed: look again

    def ask_as(self, name: str, enrolment: str = "masts") -> None:
        """Another device asks, with a client that knows only what the protocol says."""
        self.asked += 1
        layout = self.gateway.layout
        key = self.folder / f"{enrolment}.key"
        key.write_bytes(enrolment_key_path(layout, enrolment).read_bytes())
        key.chmod(0o600)
        options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
        done = run_program(
            [
                *("ssh", "-F", "/dev/null", "-i", str(key), "-p", str(self.gateway.ssh_port)),
                *(word for option in options for word in ("-o", option)),
                f"{self.gateway.mode.tunnel.name}@{self.gateway.host}",
                f"enrol {name} {public_key(7000 + self.asked)}",
            ]
        )
        assert done.stdout.startswith("enrol: wait "), done.stdout + done.stderr

    def wait(self, *names: str) -> bool:
        """Whether exactly these wait; the daemon writes them within seconds."""
        return {one.name for one in waiting(self.gateway.layout)} == set(names)

    def two_more_ask(self) -> None:
        self.ask_as("mast-8")
        self.ask_as("mast-7")
        until(lambda: self.wait("mast-8", "mast-7-2"), "both wait")

    def two_more_are_nodes(self) -> None:
        assert self.nodes == {"mast-7", "mast-8", "mast-7-2"}
        assert self.gateway.run("status").stderr == ""

    def another_asks(self) -> None:
        self.ask_as("mast-9")
        until(lambda: self.wait("mast-9"), "it waits")
        assert "1 device waits to be accepted" in self.gateway.run("status").stderr

    def nobody_waits(self) -> None:
        assert self.wait()

    def is_ended(self) -> None:
        assert self.nodes == {"mast-7", "mast-8", "mast-7-2"}
        assert "reversi:+masts" not in self.gateway.layout.authorized_keys.read_text("utf-8")
        assert self.gateway.run("status", "mast-7").returncode == 0

    def accepts_by_itself(self) -> None:
        self.ask_as("bench-1", "lab")
        until(lambda: "bench-1" in self.nodes, "it is a node, and nobody was asked")
        lab = read_enrolment(self.gateway.layout, "lab")
        assert (len(lab.accepted), lab.tags) == (1, ("masts",))

    @property
    def nodes(self) -> set[str]:
        return set(read_registry(self.gateway.layout.nodes).nodes)


ENROLMENT: tuple[Step[Site], ...] = (
    Step(
        "sudo reversi-checker enrol new masts --uses 30 --expires 2d --forward"
        " 127.0.0.1:22,hostkey --tag masts",
        says="reversi-client build",
    ),
    Step("sudo reversi-client build --enrol masts", after=Site.copy_to_the_device),
    Step(
        "sh reversi-masts.sh install",
        says="mast-7@SHA256:",
        at=Site.device,
        after=Site.shows_its_fingerprint,
    ),
    Step("reversi-checker node pending", says="  masts  "),
    Step(
        "sudo reversi-checker node accept mast-7@SHA256:...",
        says="mast-7: port ",
        after=Site.comes_up,
    ),
    Step(
        "sudo reversi-checker node accept --filter tag:masts",
        before=Site.two_more_ask,
        says="accept 2 devices? [y/N] ",
        at=Site.terminal,
        after=Site.two_more_are_nodes,
    ),
    Step(
        "sudo reversi-checker node reject mast-9",
        before=Site.another_asks,
        says="mast-9: rejected\n",
        after=Site.nobody_waits,
    ),
    Step("reversi-checker enrol list", says="  27 of 30  0        3  "),
    Step(
        "sudo reversi-checker enrol end masts",
        says="masts: ended; accepted but not heard from since: mast-7-2, mast-8\n",
        after=Site.is_ended,
    ),
    Step(
        "sudo reversi-checker enrol new lab --uses 12 --expires 1d --like mast-7 --auto",
        says="for 12 devices, accepted as they come, without you\n",
        after=Site.accepts_by_itself,
    ),
)


@pytest.fixture
def site(gateway: Gateway, tmp_path: Path) -> Iterator[Site]:
    require("dbclient", "dropbearkey", "bash", "ssh")
    programs = tmp_path / "box" / "programs"
    box = Box(tmp_path / "box", SHELLS["ash"], path=[programs, applets(tmp_path / "busybox")])
    programs.mkdir()
    for name, real in (("dbclient", "dbclient"), ("dropbearkey", "dropbearkey"), ("sh", "busybox")):
        (programs / name).symlink_to(shutil.which(real) or real)
    program(programs, "crontab", CRONTAB)
    program(programs, "uname", UNAME)
    (programs / "crontab.txt").write_text("")
    with closing(box), closing(BoxServer(tmp_path / "machine", box)) as machine:
        keys = box.root / "etc" / "ssh"
        keys.mkdir(parents=True)
        shutil.copy(machine.folder / "host.pub", keys / "ssh_host_ed25519_key.pub")
        folder = tmp_path / "admin"
        folder.mkdir()
        here = {"127.0.0.1:22,": f"127.0.0.1:{machine.port},"}
        yield Site(gateway=gateway, folder=folder, box=box, machine=machine, here=here)


def test_each_command_of_the_page_is_known() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert {block.kind for block in blocks(text)} == {"sh"}
    assert unknown(commands(text), [step.line for step in ENROLMENT]) == ""


def test_each_command_of_the_page_does_what_the_page_says(site: Site) -> None:
    type_all(site, ENROLMENT, site.desk(), site.here)
