"""Bundles against the real gateway: under each shell and client they come back from whatever
happens, and leave nothing behind.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest

from checker.control.client import Control
from checker.model import Aim, EventKind, NodeName, Port, ProcessId, Verb
from tests.bundles import Box
from tests.programs import require
from tests.system.accounts import Mode
from tests.system.box_server import BoxServer, ssh_config
from tests.system.clients import Device
from tests.system.devices import DROPBEAR, KITS, OPENSSH, Boxes, Kit, await_up, built
from tests.system.harness import Gateway, gateway_at
from tests.system.network import DEVICE, DEVICE_HOSTS, GATEWAY, GATEWAY_HOST, network
from tests.system.seen import is_gone
from tests.system.services import Stranger
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.timeout(120)]
HOLE_S = 12.0


def kill(gateway: Gateway, device: Device) -> None:
    """As an operator does, again if the device was just reconnecting."""
    aim = Aim(node=NodeName(device.node), port=Port(device.ports[0]))
    until(lambda: Control(layout=gateway.layout).act(Verb.KILL, [aim])[0].done, "it is killed")


def test_a_dropbear_that_knows_no_such_key_says_so(gateway: Gateway, boxes: Boxes) -> None:
    """As OpenWRT's for small flash, which knows RSA alone."""
    box = boxes(DROPBEAR)
    device = gateway.add(gateway.service().target)
    file = built(gateway, device, box, DROPBEAR)
    text, count = re.subn(r"(?m)^(KEY_DROPBEAR=.*)ssh-ed25519", r"\1ssh-unknown", file.read_text())
    assert count == 1
    file.write_text(text)

    done = box.sh(file, "install")

    assert done.returncode == 2
    assert "this client cannot use a key of this type: build with --key device\n" in done.stderr
    assert not box.installed.exists()


@pytest.mark.parametrize("kit", KITS)
def test_it_comes_back_from_a_kill_and_from_a_hang_and_leaves_nothing(
    gateway: Gateway, boxes: Boxes, kit: Kit
) -> None:
    box = boxes(kit)
    device = gateway.add(gateway.service().target)
    file = built(gateway, device, box, kit)
    box.start(file)
    first = await_up(gateway, device, box)
    assert re.fullmatch(
        {
            "ssh": r"bundle-[0-9a-z.]+/openssh-[0-9.]+p[0-9]+",
            "dbclient": r"bundle-[0-9a-z.]+/dropbear-20[0-9.]+",
        }[kit.client],
        gateway.client(device),
    )

    kill(gateway, device)
    second = await_up(gateway, device, box, after=first)
    client = box.client(kit.client)
    client.send_signal(signal.SIGSTOP)
    await_up(gateway, device, box, after=second)

    assert not client.is_running() or client.status() == psutil.STATUS_ZOMBIE
    box.await_state("up", device.node)
    assert box.sh(file, "check").returncode == 0
    assert box.stop() == 0
    assert gateway.events(device, EventKind.CLONE) == ()


def test_a_gateway_that_restarts_gets_its_devices_back(own_gateway: Gateway, boxes: Boxes) -> None:
    own_gateway.start_sshd()
    own_gateway.serve()
    device = own_gateway.add(own_gateway.service().target)
    box = boxes(DROPBEAR)
    box.start(built(own_gateway, device, box, DROPBEAR))
    first = await_up(own_gateway, device, box)

    own_gateway.stop_sshd()
    own_gateway.stop()
    box.await_state("waiting", device.node)
    own_gateway.start_sshd()
    own_gateway.serve()

    await_up(own_gateway, device, box, after=first)
    box.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace takes root")
def test_a_link_that_swallows_everything_for_two_minutes_at_a_tenth_of_all_times(
    usual: Mode, boxes: Boxes
) -> None:
    require("ip", "unshare", "nsenter")
    with (
        network() as net,
        gateway_at(usual, inside=net.inside(GATEWAY), host=GATEWAY_HOST) as far,
        ExitStack() as stack,
    ):
        far.up()
        target = stack.enter_context(
            closing(Stranger(0, banner="SSH-2.0-far\r\n", inside=net.inside(DEVICE)))
        )
        _, *words = net.inside(DEVICE)
        found = []
        for kit in (OPENSSH, DROPBEAR):
            device, box = far.add(f"127.0.0.1:{target.port},banner:SSH-2.0"), boxes(kit)
            box.start(
                built(far, device, box, kit), inside=[shutil.which("nsenter") or "nsenter", *words]
            )
            box.await_state("up", device.node)
            far.probe(device)
            found.append((device, box, far.await_up(device)))

        net.swallow(DEVICE_HOSTS[0])
        cut = time.monotonic()
        for device, box, session in found:
            until(lambda box=box: "no answer to a beat" in box.log(), "the device finds out")  # type: ignore[misc]
            until(
                lambda device=device, box=box: "no connection" in box.state(device.node)["error"],  # type: ignore[misc]
                "it tries again",
            )
            until(lambda session=session: is_gone(session), "the gateway finds out")  # type: ignore[misc]
        until(lambda: time.monotonic() - cut >= HOLE_S, "the link's return")
        assert not any(
            "up, at" in box.log()[box.log().index("no answer to a beat") :] for _, box, _ in found
        )
        net.pass_again(DEVICE_HOSTS[0])

        for device, box, session in found:
            box.await_state("up", device.node)
            far.probe(device)
            far.await_up(device, after=session)
            assert box.stop() == 0


def test_a_process_killed_without_a_word_is_taken_over_by_the_next(
    gateway: Gateway, boxes: Boxes
) -> None:
    box = boxes(DROPBEAR)
    device = gateway.add(gateway.service().target)
    file = built(gateway, device, box, DROPBEAR)
    process = box.start(file)
    first = await_up(gateway, device, box)
    client = box.client("dbclient")
    client.send_signal(signal.SIGSTOP)
    process.kill()
    process.wait()

    box.start(file)

    await_up(gateway, device, box, after=first)
    client.send_signal(signal.SIGCONT)
    box.stop()


@pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
def test_two_forwards_one_of_them_to_another_machine(
    gateway: Gateway, boxes: Boxes, kit: Kit
) -> None:
    box = boxes(kit)
    neighbour = Stranger(0, banner="SSH-2.0-neighbour\r\n", host="127.0.0.2")
    try:
        device = gateway.add(
            gateway.service().target, f"127.0.0.2:{neighbour.port},banner:SSH-2.0-neighbour"
        )
        box.start(built(gateway, device, box, kit))

        await_up(gateway, device, box)
        gateway.await_up(device, 1)

        box.stop()
    finally:
        neighbour.close()


def test_a_public_forward_listens_for_everybody(gateway: Gateway, boxes: Boxes) -> None:
    box = boxes(DROPBEAR)
    device = gateway.add(gateway.service().target, options=("--public",))

    box.start(built(gateway, device, box, DROPBEAR))

    await_up(gateway, device, box)
    until(lambda: listens(device.ports[0], "127.0.0.2"), "it listens elsewhere too")
    box.stop()


def listens(port: int, host: str) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex((host, port)) == 0


def test_a_second_device_with_the_same_key_is_told_to_wait(gateway: Gateway, boxes: Boxes) -> None:
    first, second = boxes(OPENSSH), boxes(DROPBEAR)
    device = gateway.add(gateway.service().target)
    first.start(built(gateway, device, first, OPENSSH))
    session = await_up(gateway, device, first)

    second.start(built(gateway, device, second, DROPBEAR))

    assert "asks to wait" in second.await_state("waiting", device.node)["error"]
    assert gateway.await_up(device) == session
    gateway.await_event(EventKind.CLONE, device)
    second.stop()
    first.stop()


@pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
def test_another_host_key_than_the_pinned_one_is_never_trusted(
    gateway: Gateway, boxes: Boxes, tmp_path: Path, kit: Kit
) -> None:
    box = boxes(kit)
    device = gateway.add(gateway.service().target)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True
    )
    other = " ".join((tmp_path / "other.pub").read_text().split()[:2])

    box.start(built(gateway, device, box, kit, HOST_KEYS=other))

    box.await_state("waiting", device.node)
    until(lambda: any(50 <= nap <= 66 for nap in box.naps()), "it waits a minute")
    box.stop()


def test_a_key_that_the_gateway_does_not_know_waits_five_minutes(
    gateway: Gateway, boxes: Boxes
) -> None:
    box = boxes(DROPBEAR)
    device = gateway.add(gateway.service().target)
    file = built(gateway, device, box, DROPBEAR)
    gateway.ok("node", "remove", device.node, "--yes")

    box.start(file)

    box.await_state("waiting", device.node)
    until(lambda: any(295 <= nap <= 330 for nap in box.naps()), "it waits five minutes")
    box.stop()


def test_a_device_makes_its_own_key_and_the_line_that_it_prints_registers_it(
    gateway: Gateway, boxes: Boxes
) -> None:
    kit = DROPBEAR
    box = boxes(kit)
    device = gateway.add(gateway.service().target)
    file = built(gateway, device, box, kit, "--key", "device")

    installed = box.sh(file, "install", "--offline")
    line = next(
        line for line in installed.stderr.splitlines() if "does not know" in line
    ).partition("run: ")[2]
    checker = (
        f"reversi-checker() {{ {' '.join(gateway.mode.install.words[:1])} -c 'from checker.cli.main"
        ' import main; main()\' "$@"; }'
    )
    if len(gateway.mode.install.words) == 1:
        checker = f'reversi-checker() {{ {gateway.mode.install.words[0]} "$@"; }}'
    registered = subprocess.run(
        ["bash", "-c", f"{checker}\n{line}"],
        capture_output=True,
        text=True,
        check=False,
        **gateway.spawn_options(),
    )

    assert installed.returncode == 0, installed.stderr
    assert re.fullmatch(rf"ssh-ed25519 \S+ {device.node}\n", installed.stdout)
    assert installed.stdout.strip() in line
    assert registered.returncode == 0, registered.stderr
    box.sh(file, "install")
    await_up(gateway, device, box)
    box.sh(file, "uninstall")
    box.await_nothing_left()
    assert [path for path in box.root.rglob("*") if not path.is_dir()] == []
    assert list(box.user_home.iterdir()) == []


def installed_and_up(gateway: Gateway, device: Device, box: Box, file: Path) -> ProcessId:
    done = box.sh(file, "install")
    assert done.returncode == 0, done.stderr
    return await_up(gateway, device, box)


@pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
def test_an_upgrade_comes_through_the_tunnel_that_it_replaces_and_is_confirmed_by_a_good_verdict(
    gateway: Gateway, boxes: Boxes, tmp_path: Path, kit: Kit
) -> None:
    box = boxes(kit)
    with closing(BoxServer(tmp_path / "machine", box)) as machine:
        device = gateway.add(f"127.0.0.1:{machine.port},banner:SSH-2.0")
        first = installed_and_up(gateway, device, box, built(gateway, device, box, kit))
        newer = built(gateway, device, box, kit, name="newer.sh", VERSION="9", TRIAL="30")
        config = ssh_config(tmp_path / "ssh_config", [machine.entry("box", port=device.ports[0])])

        brought = through(config, "cat >brought.sh", newer.read_text())
        done = through(config, f"{' '.join(box.shell)} brought.sh upgrade")

        assert brought.returncode == 0, brought.stderr
        assert done.returncode == 0, done.stderr
        assert "replacing the tunnel; the old bundle comes back" in done.stderr
        await_up(gateway, device, box, after=first)
        until(lambda: not (box.installed / f"{device.node}.sh.old").exists(), "it is confirmed")
        assert "VERSION='9'" in (box.installed / f"{device.node}.sh").read_text()
        assert through(config, f"{' '.join(box.shell)} brought.sh status").stdout.startswith(
            f"{device.node}: up for"
        )
        assert box.sh(newer, "upgrade").stderr.endswith("this bundle is installed already\n")
        assert box.sh(newer, "uninstall").returncode == 0
        box.await_nothing_left()


def through(config: Path, command: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """A command for the device, by ssh through its own tunnel."""
    words = ["ssh", "-F", str(config), "box", command]
    return subprocess.run(
        words, input=said, capture_output=True, text=True, check=False, timeout=30
    )


@pytest.mark.parametrize("terminal", ["-tt", "-T"])
def test_an_install_through_the_tunnel_that_it_ends_is_finished(
    gateway: Gateway, boxes: Boxes, tmp_path: Path, terminal: str
) -> None:
    kit = OPENSSH
    box = boxes(kit)
    with closing(BoxServer(tmp_path / "machine", box)) as machine:
        device = gateway.add(f"127.0.0.1:{machine.port},banner:SSH-2.0")
        first = installed_and_up(gateway, device, box, built(gateway, device, box, kit))
        file = built(gateway, device, box, kit, name="newer.sh", VERSION="9")
        config = ssh_config(tmp_path / "ssh_config", [machine.entry("box", port=device.ports[0])])
        command = f"{' '.join(box.shell)} {shlex.quote(file.name)}"

        subprocess.run(
            ["ssh", "-F", str(config), terminal, "box", f"{command} install"],
            check=False,
            timeout=30,
            capture_output=True,
        )
        await_up(gateway, device, box, after=first)
        subprocess.run(
            ["ssh", "-F", str(config), terminal, "box", f"{command} uninstall"],
            check=False,
            timeout=30,
            capture_output=True,
        )

        until(lambda: not (box.installed / f"{device.node}.sh").exists(), "it is uninstalled")
        box.await_nothing_left()


@pytest.mark.parametrize(
    ("verb", "stays"),
    [("upgrade", "the installed bundle stays"), ("install", "nothing was installed")],
)
def test_another_bundle_without_a_tunnel_is_taken_back(
    gateway: Gateway, boxes: Boxes, verb: str, stays: str
) -> None:
    box = boxes(DROPBEAR)
    device = gateway.add(gateway.service().target)
    older = built(gateway, device, box, DROPBEAR)
    first = installed_and_up(gateway, device, box, older)
    before = (box.installed / f"{device.node}.sh").read_text()
    key = (box.installed / f"{device.node}.keys").read_text()
    newer = built(
        gateway,
        device,
        box,
        DROPBEAR,
        name="newer.sh",
        GATEWAYS="127.0.0.1:1",
        TRIAL="3",
        KEY_DROPBEAR="another",
    )

    refused = box.sh(newer, verb)
    done = box.sh(newer, verb, "--offline")

    assert refused.returncode == 2
    assert stays in refused.stderr
    assert done.returncode == 0, done.stderr
    until(
        lambda: (box.installed / f"{device.node}.sh").read_text() != before,
        "the newer one is there",
    )
    assert "another" in (box.installed / f"{device.node}.keys").read_text()
    until(
        lambda: (box.installed / f"{device.node}.sh").read_text() == before, "the older one is back"
    )
    assert (box.installed / f"{device.node}.keys").read_text() == key
    await_up(gateway, device, box, after=first)
    assert box.sh(older, "uninstall").returncode == 0
    box.await_nothing_left()
