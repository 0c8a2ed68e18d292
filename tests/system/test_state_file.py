"""A damaged, lost or unwritable state file, and a full disk: one sentence, and no lost tunnel."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest

from checker.model import EventKind, Status
from tests.programs import require
from tests.system.accounts import Mode
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway, gateway_at
from tests.system.refused import assert_refused
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def test_a_damaged_state_file_is_moved_aside_at_the_start(own_gateway: Gateway) -> None:
    own_gateway.layout.state.write_bytes(
        b"this is not a database, and it is longer than a database's header. " * 20
    )
    own_gateway.layout.nodes.mkdir()
    for path in (own_gateway.layout.state, own_gateway.layout.nodes):
        os.chown(path, own_gateway.mode.runner.uid, -1)
    assert_refused(own_gateway.run("status"), 4, str(own_gateway.layout.state), "damaged")

    own_gateway.up()

    device = own_gateway.add(own_gateway.service().target)
    own_gateway.connect(device)
    own_gateway.await_up(device)
    (aside,) = own_gateway.home.glob("state.db.damaged-*")
    assert aside.read_bytes().startswith(b"this is not a database")
    assert any(str(aside) in event.text for event in own_gateway.events(kind=EventKind.GATEWAY))


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))


def removed(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink()


@pytest.mark.parametrize(
    "damage",
    [
        overwritten,
        removed,
    ],
)
def test_a_state_file_that_is_lost_while_the_daemon_runs_is_rebuilt(
    own_gateway: Gateway, damage: Callable[[Path], None]
) -> None:
    own_gateway.up()
    device = own_gateway.add(own_gateway.service().target)
    connection = own_gateway.connect(device)
    session = own_gateway.await_up(device)

    own_gateway.probe(device)  # else one under way may answer for the next one
    damage(own_gateway.layout.state)
    connection.freeze()
    own_gateway.probe(device)
    assert is_gone(session)

    until(own_gateway.layout.state.exists, "the file is back")
    assert own_gateway.await_status(device, Status.DOWN).kills == 1
    assert own_gateway.run("status").returncode == 1


def test_a_read_only_state_file_is_reported(ordinary: Mode) -> None:
    with gateway_at(ordinary) as gateway:
        gateway.up()
        gateway.stop()
        gateway.layout.state.chmod(0o444)

        assert_refused(gateway.run("serve"), 4, str(gateway.layout.state))


@pytest.mark.parametrize("folder", ["", "run", "spool"])
def test_a_directory_of_another_user_is_reported(ordinary: Mode, folder: str) -> None:
    if ordinary.runner.is_me:
        pytest.skip("only root can give a directory away")
    with gateway_at(ordinary) as gateway:
        place = gateway.home / folder
        place.mkdir(exist_ok=True)
        os.chown(place, os.geteuid(), -1)

        done = gateway.run("up", "--ssh-port", "0")

        assert_refused(done, 2, str(place))


@contextmanager
def full_tmpfs(gateway: Gateway) -> Iterator[None]:
    """Fill the home's file system to the last byte."""
    filler = gateway.home / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            with_space = True
            while with_space:
                try:
                    file.write(b"x" * size)
                except OSError:
                    with_space = False
    yield
    filler.unlink()


@contextmanager
def no_file_may_grow(gateway: Gateway) -> Iterator[None]:
    """Make every write of the daemon to a file fail."""
    assert gateway.daemon is not None
    daemon = psutil.Process(gateway.daemon.pid)
    daemon.rlimit(psutil.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    yield
    daemon.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.fixture
def tiny(own_gateway: Gateway) -> Iterator[Gateway]:
    """A gateway whose home is a small file system of its own."""
    require("mount", "umount")
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    policy = own_gateway.layout.config.read_text(encoding="utf-8")
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m,mode=755", "reversi-test", str(own_gateway.home)],
        check=True,
    )
    try:
        own_gateway.write_policy(policy)
        yield own_gateway
        own_gateway.stop()
        for connection in own_gateway.connections:
            connection.close()
    finally:
        subprocess.run(["umount", "--lazy", str(own_gateway.home)], check=True)


def survive(gateway: Gateway, trouble: Callable[[Gateway], AbstractContextManager[None]]) -> None:
    """Check that during the trouble beats are answered and a hung tunnel is killed; later it is
    logged.
    """
    gateway.up()
    healthy, frozen = gateway.add(gateway.service().target), gateway.add(gateway.service().target)
    beating, freezing = connected(gateway, healthy), connected(gateway, frozen)
    session = gateway.tunnel(frozen).session
    assert session is not None

    gateway.probe(frozen)  # else one under way may answer for the next one
    with trouble(gateway):
        freezing.freeze()
        said = gateway.probe(frozen)
        assert is_gone(session), said
        assert beating.beat() == 0

    assert "killed sshd process" in gateway.await_event(EventKind.KILL, frozen).text
    assert gateway.probe(healthy) == "up"


def connected(gateway: Gateway, device: Device) -> Connection:
    connection = gateway.connect(device)
    gateway.await_up(device)
    return connection


def test_the_daemon_survives_a_full_disk(tiny: Gateway) -> None:
    survive(tiny, full_tmpfs)


def test_a_gateway_starts_on_a_full_disk_and_records_events_once_there_is_room(
    tiny: Gateway,
) -> None:
    tiny.up()
    device = tiny.add(tiny.service().target)
    connected(tiny, device)
    tiny.stop()

    with full_tmpfs(tiny):
        tiny.up()
        connection = tiny.connect(device)
        until(lambda: tiny.probe(device) == "up", "the node is back")
        connection.freeze()
        assert tiny.run("probe", device.node).returncode == 1
        assert device.node in tiny.run("status").stdout, "the row as it was last written"

    assert "killed sshd process" in tiny.await_event(EventKind.KILL, device).text


def test_the_daemon_survives_when_no_file_can_be_written(own_gateway: Gateway) -> None:
    survive(own_gateway, no_file_may_grow)


def test_on_a_full_disk_a_node_is_added_wholly_or_not_at_all(tiny: Gateway) -> None:
    tiny.up()
    before = tiny.layout.authorized_keys.read_bytes()

    with full_tmpfs(tiny):
        done = tiny.run(
            "node", "add", "late", "--forward", "127.0.0.1:9", "--public-key", str(own_key(tiny))
        )

    assert_refused(done, 2, "authorized_keys", "free space")
    assert tiny.layout.authorized_keys.read_bytes() == before
    assert not (tiny.layout.nodes / "late.toml").exists()


def own_key(gateway: Gateway) -> Path:
    """A public key outside the home."""
    path = gateway.folder / "late"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub")
