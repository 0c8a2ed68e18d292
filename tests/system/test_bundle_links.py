"""Bundles on slow, dead and IPv6-broken links: living tunnels are never cut, dead ones noticed."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.bundles import Box
from tests.programs import require
from tests.system.accounts import Mode
from tests.system.bulk import Bulk, Transfer
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, Kit, await_up, built, start_far
from tests.system.harness import Gateway, gateway_at
from tests.system.network import DEVICE, DEVICE_HOSTS, GATEWAY, GATEWAY_HOST, Network
from tests.system.relay import relay
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
BOTH = pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
PATIENT = "strikes = 10\nprobe_every_s = 3600\n"
"""The gateway kills nothing here: the tests are about the device."""
NAME = "gateway.test"


@pytest.fixture(scope="module")
def far_policy() -> str:
    return PATIENT


def shape(net: Network) -> None:
    """Limit each way to 256 kbit/s with a queue of 64 kB."""
    for place in (GATEWAY, DEVICE):
        net.shape(place, rate="256kbit", limit="64kb")


def widen(net: Network) -> None:
    for place in (GATEWAY, DEVICE):
        net.unshape(place)


def is_cut(box: Box) -> bool:
    return "hangs" in box.log() or "ended" in box.log() or "imed out" in box.log()


def test_a_transfer_over_a_slow_link_is_whole_and_cuts_no_tunnel(
    net: Network, far_gateway: Gateway, boxes: Boxes
) -> None:
    with ExitStack() as stack:
        target = stack.enter_context(closing(Bulk(net.inside(DEVICE))))
        patient = {"BEAT": "2", "QUIET": "20"}
        found = [
            (box := boxes(kit), start_far(net, far_gateway, box, kit, target.port, **patient))
            for kit in (OPENSSH, DROPBEAR)
        ]
        shape(net)
        stack.callback(widen, net)

        for verb in ("get", "put"):
            moves = [
                Transfer(verb, device.ports[0], 200_000, net.inside(GATEWAY)) for _, device in found
            ]
            for move in moves:
                stack.callback(move.close)
            assert [move.moved() for move in moves] == [200_000, 200_000], [
                box.log() for box, _ in found
            ]

        assert [box.log() for box, _ in found if is_cut(box)] == []
        for box, _ in found:
            box.stop()


@BOTH
@pytest.mark.parametrize("verb", ["get", "put"])
def test_a_link_that_dies_during_a_transfer_is_noticed(
    net: Network, far_gateway: Gateway, boxes: Boxes, verb: str, kit: Kit
) -> None:
    with ExitStack() as stack:
        target = stack.enter_context(closing(Bulk(net.inside(DEVICE))))
        box = boxes(kit)
        device = start_far(net, far_gateway, box, kit, target.port, QUIET="8")
        shape(net)
        stack.callback(widen, net)
        move = Transfer(verb, device.ports[0], 4_000_000, net.inside(GATEWAY))
        stack.callback(move.close)
        until(
            lambda: (
                is_cut(box) or not move.under_way or in_transfer(box.client(kit.client).pid, verb)
            ),
            "the transfer runs",
        )
        assert not is_cut(box), box.log()
        assert move.under_way, "the transfer ended at once"

        net.swallow(DEVICE_HOSTS[0])
        stack.callback(net.pass_again, DEVICE_HOSTS[0])

        until(
            lambda: "the connection hangs: no answer to a beat" in box.log(), "the bundle notices"
        )
        box.stop()


def in_transfer(pid: int, verb: str) -> bool:
    """Whether the client's connection has much to send, or has received much.

    False for a client that has ended, as the one of a claim does.
    """
    try:
        if verb == "put":
            return int(Path(f"/proc/{pid}/io").read_text(encoding="ascii").split()[1]) > 50_000
        table = Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    rows = [line.split() for line in table.splitlines()[1:]]
    return sum(int(row[4].partition(":")[0], 16) > 50_000 for row in rows) >= 2


@BOTH
def test_a_login_that_takes_longer_than_its_first_limit_gets_more_time(
    usual: Mode, boxes: Boxes, kit: Kit
) -> None:
    with gateway_at(usual, policy=PATIENT) as gateway:
        gateway.up()
        box = boxes(kit)
        device = gateway.add(gateway.service().target)
        with relay(gateway.ssh_port, "--up", "0.15", "--down", "0.15") as link:
            options = ("--gateway", f"127.0.0.1:{link.port}")
            file = built(gateway, device, box, kit, *options, SETUP="1", CONNECT="1", QUIET="8")
            box.start(file)
            await_up(gateway, device, box)
            assert "no answer" in box.log()
            assert int((box.live(device.node) / "pace").read_text()) > 1
            assert box.sh(file, "check").returncode == 0

            link.freeze()

            until(
                lambda: "the connection hangs: no answer to a beat" in box.log(),
                "a dead connection is noticed",
            )
            link.thaw()
            box.stop()


@BOTH
def test_an_install_over_a_slow_link_waits_longer_each_time(
    gateway: Gateway, boxes: Boxes, kit: Kit
) -> None:
    box = boxes(kit)
    device = gateway.add(gateway.service().target)
    with relay(gateway.ssh_port, "--up", "0.15", "--down", "0.15") as link:
        file = built(
            gateway, device, box, kit, "--gateway", f"127.0.0.1:{link.port}", SETUP="1", CONNECT="1"
        )

        done = box.sh(file, "install")

        assert done.returncode == 0, done.stderr
        assert "answers" in done.stderr
        await_up(gateway, device, box)
        box.sh(file, "uninstall")
        box.await_nothing_left()


@pytest.fixture
def lost_ipv6(net: Network, tmp_path: Path) -> tuple[str, ...]:
    """Return the prefix of a command that sees an IPv6 address for the gateway's name, which drops
    all packets.
    """
    require("mount")
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\nfd00:9::1 {NAME}\n{GATEWAY_HOST} {NAME}\n")
    for words in (
        "address add fd00:9::2/64 dev eth0 nodad",
        "neighbor add fd00:9::1 lladdr 02:00:00:00:00:99 dev eth0",
    ):
        subprocess.run(
            [*net.inside(DEVICE), "ip", "-6", *words.split()], check=False, capture_output=True
        )
    nsenter, unshare, mount, shell = (
        shutil.which(name) or name for name in ("nsenter", "unshare", "mount", "sh")
    )
    _, *place = net.inside(DEVICE)
    script = f'{mount} --bind "$1" /etc/hosts && shift && exec "$@"'
    return (
        nsenter,
        *place,
        unshare,
        "-m",
        "--propagation",
        "private",
        shell,
        "-c",
        script,
        "sh",
        str(hosts),
    )


@BOTH
def test_a_gateway_whose_ipv6_address_is_dead_is_reached_by_its_other_address(
    net: Network, far_gateway: Gateway, boxes: Boxes, lost_ipv6: tuple[str, ...], kit: Kit
) -> None:
    box = boxes(kit)
    device = far_gateway.add("127.0.0.1:1,open")
    file = built(
        far_gateway, device, box, kit, "--gateway", f"{NAME}:{far_gateway.ssh_port}", CONNECT="2"
    )

    box.start(file, inside=lost_ipv6)

    box.await_state("up", device.node)
    box.client(kit.client).kill()
    until(lambda: box.log().count("up, at") >= 2, "the tunnel comes back")
    words = box.client(kit.client).cmdline()
    assert {"ssh": "-4", "dbclient": GATEWAY_HOST}[kit.client] in words
    box.stop()
