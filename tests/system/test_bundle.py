"""Bundles with each shell and client: they survive kills, hangs and restarts, and leave nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from checker.model import EventKind
from tests.programs import require
from tests.system.accounts import Mode
from tests.system.devices import (
    DROPBEAR,
    KITS,
    OPENSSH,
    Boxes,
    Kit,
    await_up,
    built,
    kill,
)
from tests.system.harness import Gateway, gateway_at
from tests.system.network import DEVICE, DEVICE_HOSTS, GATEWAY, GATEWAY_HOST, network
from tests.system.processes import still_there
from tests.system.seen import is_gone
from tests.system.services import Stranger
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
HOLE_S = 12.0


def test_a_dropbear_that_does_not_know_the_key_type_says_so(gateway: Gateway, boxes: Boxes) -> None:
    """OpenWRT's builds for small flash know only RSA."""
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
def test_a_bundle_comes_back_after_a_kill_and_a_hang_and_leaves_nothing(
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
        gateway.await_registered(device).client,
    )

    kill(gateway, device)
    second = await_up(gateway, device, box, after=first)
    client = box.client(kit.client)
    client.send_signal(signal.SIGSTOP)
    await_up(gateway, device, box, after=second)

    assert not still_there(client)
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


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_a_bundle_comes_back_after_two_minutes_in_a_black_hole(usual: Mode, boxes: Boxes) -> None:
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
            until(lambda box=box: "no answer to a beat" in box.log(), "the device notices")  # type: ignore[misc]
            until(
                lambda device=device, box=box: (  # type: ignore[misc]
                    "no connection" in box.state(device.node).get("error", "")
                ),
                "the device tries again",
            )
            until(lambda session=session: is_gone(session), "the gateway notices")  # type: ignore[misc]
        until(lambda: time.monotonic() - cut >= HOLE_S, "the link returns")
        assert not any(
            "up, at" in box.log()[box.log().index("no answer to a beat") :] for _, box, _ in found
        )
        net.pass_again(DEVICE_HOSTS[0])

        for device, box, session in found:
            box.await_state("up", device.node)
            far.probe(device)
            far.await_up(device, after=session)
            assert box.stop() == 0


def test_a_new_bundle_takes_over_from_one_that_was_killed(gateway: Gateway, boxes: Boxes) -> None:
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
def test_a_bundle_carries_two_forwards_one_to_another_machine(
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


def test_a_public_forward_listens_on_all_addresses(gateway: Gateway, boxes: Boxes) -> None:
    box = boxes(DROPBEAR)
    device = gateway.add(gateway.service().target, options=("--public",))

    box.start(built(gateway, device, box, DROPBEAR))

    await_up(gateway, device, box)
    until(lambda: listens(device.ports[0], "127.0.0.2"), "it listens on another address too")
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

    second.await_state("waiting", device.node, saying="asks to wait")
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
    until(lambda: any(50 <= nap <= 66 for nap in box.naps()), "the bundle waits a minute")
    box.stop()


def test_a_bundle_with_an_unknown_key_waits_five_minutes(gateway: Gateway, boxes: Boxes) -> None:
    box = boxes(DROPBEAR)
    device = gateway.add(gateway.service().target)
    file = built(gateway, device, box, DROPBEAR)
    gateway.ok("node", "remove", device.node, "--yes")

    box.start(file)

    box.await_state("waiting", device.node)
    until(lambda: any(295 <= nap <= 330 for nap in box.naps()), "the bundle waits five minutes")
    box.stop()


def test_a_device_makes_its_key_and_prints_the_command_that_registers_it(
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
