"""Host keys of nodes, read through their tunnels: pinned, compared, and never a reason to kill."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from checker.model import EventKind, NodeName, Status
from checker.registry.node_file import read_node
from checker.registry.reading import node_path
from tests.programs import run_program
from tests.strategies import public_key
from tests.system.accounts import Mode
from tests.system.clients import Device
from tests.system.harness import Gateway, gateway_at
from tests.system.services import Stranger
from tests.system.ssh_targets import Dropbear, SshTarget
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


@pytest.fixture(scope="module")
def gateway(mode_of: Callable[[str], Mode]) -> Iterator[Gateway]:
    """A gateway whose programs have asyncssh; the copy for other users has not."""
    with gateway_at(mode_of("root" if os.geteuid() == 0 else "ordinary")) as found:
        found.up()
        yield found


@pytest.fixture
def target() -> Iterator[SshTarget]:
    with closing(SshTarget()) as found:
        yield found


@pytest.fixture
def dropbear() -> Iterator[Dropbear]:
    with closing(Dropbear()) as found:
        yield found


def pinned_at(gateway: Gateway, device: Device) -> str:
    """The host key in the node's file."""
    return read_node(node_path(gateway.layout, NodeName(device.node))).forwards[0].host_key


def swept_again(gateway: Gateway, device: Device, times: int = 2) -> None:
    """Wait for the next sweeps of a forward."""
    for _ in range(times):
        before = gateway.tunnel(device).probed_at
        until(functools.partial(probed_since, gateway, device, before), "the next sweep")


def probed_since(gateway: Gateway, device: Device, before: float | None) -> bool:
    return gateway.tunnel(device).probed_at != before


def test_a_pinned_key_is_compared_once_per_session_and_a_changed_one_is_wrong(
    gateway: Gateway, target: SshTarget, tmp_path: Path
) -> None:
    device = gateway.add(f"{target.target},hostkey")
    gateway.connect(device)
    session = gateway.await_up(device)
    assert gateway.tunnel(device).detail == (
        f"no host key is pinned: reversi-checker node pin {device.node}"
    )
    assert target.exchanges == 0

    said = gateway.ok("node", "pin", device.node)

    first = target.fingerprint
    place = f"{device.node}:{device.ports[0]}"
    assert said == f"{place}: host key pinned: {first} (ED25519)\n"
    assert pinned_at(gateway, device) == target.public_key
    until(lambda: target.exchanges == 2, "the daemon compares the key of this session")
    until(lambda: not gateway.tunnel(device).detail, "nothing is left to say")
    swept_again(gateway, device)
    assert target.exchanges == 2

    target.replace_key()

    second = target.fingerprint
    clause = f"the host key {second} (ssh-ed25519) came, but {first} (ssh-ed25519) is pinned"
    assert gateway.probe(device) == f"wrong: {clause}"
    swept_again(gateway, device)
    tunnel = gateway.await_status(device, Status.WRONG)
    assert (tunnel.session, tunnel.kills, tunnel.verdict, tunnel.detail) == (session, 0, 0, clause)
    (event,) = gateway.events(device, EventKind.HOSTKEY)
    assert event.text.startswith(f"{clause}; nothing was ended; ")
    assert device.verdict("check") == 0

    refuse_to_replace(gateway, device, (first, second))
    known = gateway.ok("known-hosts")
    assert f"reversi:{device.node}:localhost:{target.port} " in known
    assert "HOST IDENTIFICATION HAS CHANGED" in visit(device, known, tmp_path)

    said = gateway.ok("node", "pin", device.node, "--yes")

    assert said == f"{place}: host key pinned: {second} (ED25519)\n"
    assert gateway.await_status(device, Status.UP).session == session
    assert "Permission denied" in visit(device, gateway.ok("known-hosts"), tmp_path)
    assert not gateway.events(device, EventKind.KILL)
    assert len(gateway.events(device, EventKind.HOSTKEY)) == 1


def refuse_to_replace(gateway: Gateway, device: Device, keys: tuple[str, str]) -> None:
    """Nothing but the node's name and a yes replaces a pinned key."""
    before = pinned_at(gateway, device)
    for words, advice in (
        ((device.node,), "to replace the pinned key, add --yes"),
        (("--all", "--yes"), f"name the node: reversi-checker node pin {device.node}"),
    ):
        done = gateway.run("node", "pin", *words)

        assert done.returncode == 1
        assert f"{device.node}:{device.ports[0]}: ANOTHER HOST KEY: " in done.stderr
        assert all(key in done.stderr for key in keys)
        assert advice in done.stderr
        assert pinned_at(gateway, device) == before


def visit(device: Device, known: str, folder: Path) -> str:
    """What OpenSSH's client says when it logs in with these known hosts."""
    file = folder / "known"
    file.write_text(known)
    settings = (
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        f"UserKnownHostsFile={file}",
        f"HostKeyAlias=reversi:{device.node}:localhost:{device.targets[0].rpartition(':')[2]}",
    )
    given = [word for setting in settings for word in ("-o", setting)]
    words = ["ssh", "-F", "none", *given, "-p", str(device.ports[0]), "nobody@127.0.0.1", "true"]
    done = run_program(words)
    return done.stderr


def test_the_daemon_finds_another_key_by_itself(gateway: Gateway, dropbear: Dropbear) -> None:
    device = gateway.add(f"{dropbear.target},hostkey")
    gateway.connect(device)
    session = gateway.await_up(device)
    path = node_path(gateway.layout, NodeName(device.node))

    path.write_text(f'{path.read_text()}host_key = "{public_key()}"\n')

    tunnel = gateway.await_status(device, Status.WRONG)
    assert dropbear.fingerprint in tunnel.detail
    assert (tunnel.session, tunnel.kills) == (session, 0)

    assert f"{dropbear.fingerprint} (RSA)" in gateway.ok("node", "pin", device.node, "--yes")

    assert pinned_at(gateway, device) == dropbear.public_key
    assert gateway.await_status(device, Status.UP).session == session
    assert not gateway.events(device, EventKind.KILL)


def test_a_target_that_exchanges_no_keys_keeps_its_status_by_its_banner(gateway: Gateway) -> None:
    service = gateway.service(b"SSH-2.0-target\r\n")
    device = gateway.add(f"127.0.0.1:{service.port},hostkey")
    gateway.connect(device)
    session = gateway.await_up(device)
    path = node_path(gateway.layout, NodeName(device.node))
    path.write_text(f'{path.read_text()}host_key = "{public_key()}"\n')
    gateway.ok("node", "show", device.node)

    until(
        lambda: "host key could not be compared: no key exchange" in gateway.probe(device),
        "it was tried",
        within_s=200,
    )

    tunnel = gateway.tunnel(device)
    assert (tunnel.status, tunnel.session) == (Status.UP, session)
    assert (tunnel.kills, tunnel.strikes, tunnel.verdict) == (0, 0, 0)


def test_many_keys_are_read_with_failures_first_and_copies_are_named(
    gateway: Gateway, target: SshTarget
) -> None:
    if not gateway.mode.is_privileged:
        pytest.skip("a listener of another uid needs root")
    one, other = (gateway.add(f"{target.target},banner:SSH-") for _ in range(2))
    foreign = gateway.add("127.0.0.1:22,banner:SSH-2.0")
    for device in (one, other):
        gateway.connect(device)
        gateway.await_up(device)
    with closing(Stranger(foreign.ports[0], banner="SSH-2.0-stranger\r\n")):
        gateway.await_status(foreign, Status.FOREIGN)

        names = [device.node for device in (one, foreign, other)]
        tried = gateway.run("node", "pin", *names, "--dry-run")
        assert re.fullmatch(
            r"(?s).*: not up: foreign: .*\nwould pin .*\nwould pin .*\n", tried.stdout
        )
        assert not pinned_at(gateway, one)

        done = gateway.run("node", "pin", *names, "--json")

    assert done.returncode == 1
    found = json.loads(done.stdout)["forwards"]
    assert [(each["node"], each["found"], each["done"]) for each in found] == [
        (foreign.node, "not up", False),
        (one.node, "new", True),
        (other.node, "new", True),
    ]
    assert found[1]["fingerprint"] == target.fingerprint
    assert f"is the host key of several nodes: {one.node}, {other.node}; " in done.stderr
    assert not pinned_at(gateway, foreign)
    assert pinned_at(gateway, one) == pinned_at(gateway, other) == target.public_key

    gateway.ok("node", "pin", one.node, "--remove")

    assert not pinned_at(gateway, one)
    assert f"reversi:{other.node}:" in gateway.ok("known-hosts", "--filter", f"node:{other.node}")
