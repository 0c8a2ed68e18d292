"""A hundred devices, each with one file and its own address, become nodes of one gateway."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from checker.model import Status
from checker.registry.reading import read_registry
from client.cli import main
from tests.bundles import SHELLS, Box
from tests.programs import require
from tests.system.accounts import Mode
from tests.system.harness import Gateway, gateway_at
from tests.system.ports import free_block
from tests.system.shell.stand_ins import program
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
DEVICES = 100
AT_ONCE = 8
"""How many an admin's script visits at the same time."""
UNHURRIED = "probe_every_s = 5\n"
"""The real times, except for the sweep: a hundred devices start at once here, on few cores."""
FROM_ITS_ADDRESS = '#!/bin/sh\nexec {client} -b "$ADDRESS" "$@"\n'
NO_SSH_SERVER = "#!/bin/sh\nexit 1\n"
"""A device has no SSH server, and does not see those of this machine: to look for them among the
processes of a hundred devices would take a third of the test.
"""
LONGEST_BEAT_S = 15
"""Longer sleeps are waits before the next question."""
SETTINGS = {"ROOT": '"$BOX/a root"', "STARTED_BY": "cron"}


@pytest.fixture
def crowd(tmp_path: Path, busybox: Path) -> Iterator[list[Box]]:
    """A hundred devices with busybox and dropbear's client."""
    require("dbclient")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("dropbearkey",):
        (programs / name).symlink_to(shutil.which(name) or name)
    program(programs, "dbclient", FROM_ITS_ADDRESS.format(client=shutil.which("dbclient")))
    program(programs, "pidof", NO_SSH_SERVER)
    found = []
    for number in range(DEVICES):
        box = Box(tmp_path / f"device{number}", SHELLS["ash"], path=[programs, busybox])
        box.environment["ADDRESS"] = address_of(number)
        found.append(box)
    yield found
    end_all(found)


@pytest.fixture
def roomy(usual: Mode) -> Iterator[Gateway]:
    """A gateway with enough ports for them all."""
    with gateway_at(usual, policy=UNHURRIED) as found:
        blocks = [found.ports]
        while len(blocks) < 4:
            block, claim = free_block()
            found.claims.append(claim)
            blocks.append(iter(block))
        ranges = ", ".join(f'"{min(ports)}-{max(ports)}"' for ports in map(list, blocks))
        found.write_policy(re.sub(r"(?m)^ports = .*$", f"ports = [{ranges}]", found.policy))
        found.up()
        yield found


def address_of(number: int) -> str:
    return f"127.0.13.{number + 1}"


def end_all(crowd: list[Box]) -> None:
    """End the processes of all devices; one look at the process table serves all."""
    folders = {str(box.folder) for box in crowd}

    def left() -> list[psutil.Process]:
        return [one for one in psutil.process_iter() if box_of(one) in folders]

    def ended() -> bool:
        processes = left()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return not processes

    until(ended, "all devices are off")


def box_of(process: psutil.Process) -> str:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return process.environ().get("BOX", "")
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return ""


def build(gateway: Gateway, folder: Path) -> str:
    """Build the one bundle; its directories are below that of the device on which it runs."""
    file = folder / "reversi-masts.sh"
    assert (
        main(["build", "--enrol", "masts", "--home", str(gateway.home), "--output", str(file)]) == 0
    )
    text = file.read_text(encoding="ascii")
    for setting, value in SETTINGS.items():
        text, count = re.subn(rf"(?m)^{setting}=.*$", f"{setting}={value}", text)
        assert count == 1
    return text


def hurry(crowd: list[Box]) -> None:
    """Cut the waits of a few devices short: as on a site, not all of them ask in one moment."""
    folders = {str(box.folder) for box in crowd}
    hurried = 0
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied, IndexError, ValueError):
            words = process.cmdline()
            if (
                "sleep" in words[:2]
                and int(words[-1]) > LONGEST_BEAT_S
                and box_of(process) in folders
            ):
                process.kill()
                hurried += 1
        if hurried == AT_ONCE:
            return


def all_that_ask(roomy: Gateway) -> list[dict[str, str]]:
    """All of them; none until as many as there are devices are stored."""
    pending: list[dict[str, str]] = json.loads(roomy.ok("node", "pending", "--json"))["pending"]
    return pending if len(pending) >= DEVICES else []


def test_a_hundred_devices_are_enrolled_from_one_file(
    roomy: Gateway, crowd: list[Box], tmp_path: Path
) -> None:
    target = roomy.service().target
    roomy.ok("enrol", "new", "masts", "--uses", str(DEVICES), "--forward", target, "--tag", "mast")
    text = build(roomy, tmp_path)

    def install(number: int) -> str:
        box = crowd[number]
        done = box.sh(box.write(text), "install", "--name", f"mast-{number}")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = list(pool.map(install, range(DEVICES)))
    pending = until(lambda: all_that_ask(roomy), "the daemon has stored who asks")
    assert {one["address"] for one in pending} == {address_of(n) for n in range(DEVICES)}
    assert sorted(asked) == sorted(f"{one['name']}@{one['fingerprint']}" for one in pending)
    assert not read_registry(roomy.layout.nodes).nodes.keys() & {one["name"] for one in pending}

    roomy.ok("node", "accept", *asked)

    def up() -> int:
        hurry(crowd)
        rows = json.loads(roomy.run("status", "--filter", "tag:mast", "--json").stdout)
        return sum(one["status"] == Status.UP for one in rows["tunnels"])

    until(lambda: up() == DEVICES, "all are up", within_s=500)
    nodes = [one for one in read_registry(roomy.layout.nodes).nodes.values() if "mast" in one.tags]
    assert len({one.public_key for one in nodes}) == len({one.ports for one in nodes}) == DEVICES
    until(lambda: not any(keeps_its_key(box, text) for box in crowd), "their enrolment is over")
    assert json.loads(roomy.ok("node", "pending", "--json"))["pending"] == []


def keeps_its_key(box: Box, text: str) -> bool:
    """Whether a file of the device has the enrolment's private key, besides the copied bundle."""
    secret = re.search(r"(?m)^KEY_OPENSSH=.*\n(.+)\n", text)
    assert secret is not None
    line = secret[1].encode()
    try:
        return any(line in path.read_bytes() for path in box.root.rglob("*") if path.is_file())
    except FileNotFoundError:
        return True  # it is being removed: look again
