"""The console's SSH command to a node: it goes through the tunnel, and checks the host key."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from checker.model import Port, Tunnel
from checker.registry.reading import read_registry
from checker.rows.row import Row
from reversi_tui.actions.ssh import ssh_command
from tests.programs import run_program
from tests.system.clients import Device
from tests.system.harness import Gateway

pytestmark = pytest.mark.sshd


@pytest.fixture(scope="module")
def device(gateway: Gateway) -> Device:
    """A node whose tunnel is up and leads to an sshd that accepts the node's key: the gateway's
    own.
    """
    found = gateway.add(f"127.0.0.1:{gateway.ssh_port},banner:SSH-2.0")
    gateway.connect(found)
    gateway.await_up(found)
    return found


def login(
    gateway: Gateway, device: Device, folder: Path, known: str
) -> subprocess.CompletedProcess[str]:
    """Run the operator's ssh with these known hosts and the node's key."""
    (forward,) = read_registry(gateway.layout.nodes).node(device.node).forwards
    row = Row(forward=forward, seen=Tunnel(node=forward.node, port=Port(device.ports[0])))
    (folder / "known_hosts").write_text(known, encoding="ascii")
    config = folder / "config"
    config.write_text(
        f"Host {device.node}\n User {device.user}\n IdentityFile {device.key}\n IdentitiesOnly"
        f" yes\nHost *\n UserKnownHostsFile {folder}/known_hosts\n GlobalKnownHostsFile none\n Port"
        " 1\n ProxyJump nowhere\n",
        encoding="ascii",
    )
    argv = ssh_command([row], row)
    assert isinstance(argv, tuple), argv
    words = [argv[0], "-F", str(config), *argv[1:], "version"]
    return run_program(words, start_new_session=True)


def test_the_nodes_host_key_is_accepted_and_the_operators_configuration_names_the_user(
    gateway: Gateway, device: Device, tmp_path: Path
) -> None:
    done = login(gateway, device, tmp_path, f"{device.node} {device.host_key}\n")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 ")


def test_a_host_key_that_is_not_the_nodes_is_refused(
    gateway: Gateway, device: Device, tmp_path: Path
) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")],
        check=True,
        timeout=200,
    )
    other = (tmp_path / "other.pub").read_text(encoding="ascii").rstrip()

    done = login(gateway, device, tmp_path, f"{device.node} {other}\n")

    assert (done.returncode, done.stdout) == (255, "")
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr


@pytest.mark.parametrize(
    "known",
    ["", "[127.0.0.1]:{port} {key}\n", "another {key}\n"],
    ids=["no key", "the ports key", "anothers key"],
)
def test_an_unknown_host_key_is_asked_about(
    gateway: Gateway, device: Device, tmp_path: Path, known: str
) -> None:
    done = login(gateway, device, tmp_path, known.format(port=device.ports[0], key=device.host_key))

    assert (done.returncode, done.stdout) == (255, "")
    assert "Host key verification failed" in done.stderr
