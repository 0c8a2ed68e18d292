"""An upgrade of Python hides our packages: no tunnel is lost, and every node still gets in."""

from __future__ import annotations

import functools
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from checker import __version__
from checker.model import EventKind
from checker.wire import PROTOCOL
from tests.system.accounts import Install, Mode, reachable_install
from tests.system.clients import Device
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, built
from tests.system.harness import Gateway, gateway_at
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
Break = Callable[[Install], "Undo"]
Undo = Callable[[], object]
WHAT_TO_DO = (
    "tunnels stay up, but nothing is checked: install reversi-ssh again into its environment, then"
    " run: reversi-checker init"
)


@pytest.fixture(scope="module")
def mode(usual: Mode) -> Iterator[Mode]:
    """A mode whose environment no other test uses; only one file tells its interpreter of our
    packages.
    """
    with reachable_install() as install:
        yield Mode(runner=usual.runner, tunnel=usual.tunnel, install=install)


@pytest.fixture(scope="module")
def gateway(mode: Mode) -> Iterator[Gateway]:
    with gateway_at(mode) as found:
        found.start_sshd()
        found.serve()
        yield found


def without_packages(install: Install) -> Undo:
    """Break as Debian's upgrade from 12 to 13 does: the new interpreter's package directory is
    empty.
    """
    (told,) = Path(install.python).parents[1].glob("lib/python3*/site-packages/reversi.pth")
    aside = told.rename(told.with_suffix(".aside"))
    return lambda: aside.rename(told)


def half_installed(install: Install) -> Undo:
    """Break as a running pip does: some modules are there, others are not."""
    module = Path(install.python).parents[2] / "site" / "checker" / "tunnels" / "judge.py"
    text = module.read_text()
    module.write_text(text[: len(text) // 2] + "\n(")
    return lambda: module.write_text(text)


def without_interpreter(install: Install) -> Undo:
    """Break the environment's python3: it leads to an interpreter that was removed."""
    python = Path(install.python)
    aside = python.rename(python.with_suffix(".aside"))
    python.symlink_to("/usr/bin/python3.0")
    return lambda: aside.replace(python)


@contextmanager
def broken(gateway: Gateway, breaks: Break) -> Iterator[None]:
    """The old daemon has ended, and no other can start."""
    gateway.kill_daemon()
    undo = breaks(gateway.mode.install)
    try:
        yield
    finally:
        undo()
        gateway.serve()


BREAKS = [
    pytest.param(
        without_packages,
        "cannot be imported by {python} (No module named 'checker')",
        id="packages of another version",
    ),
    pytest.param(half_installed, "cannot be imported by {python} (", id="half installed"),
    pytest.param(without_interpreter, "{python} cannot be run", id="no interpreter"),
]


@pytest.mark.parametrize(("breaks", "why"), [BREAKS[0], BREAKS[2]])
def test_every_request_is_answered_and_says_what_to_do(
    gateway: Gateway, breaks: Break, why: str
) -> None:
    device = gateway.add(gateway.service().target)
    port = str(device.ports[0])
    healthy = gateway.connect(device, "hold", "box")
    session = gateway.await_up(device)

    with broken(gateway, breaks):
        said = [
            device.ask(*request) for request in (("check",), ("check", port), ("claim", "another"))
        ]
        version = device.ask("version")
        original = device.ask(device.node, port, "SSH-2.0")
        refused = [
            device.ask(*request)
            for request in ((), ("nonsense",), ("check", "x"), ("claim",), ("hold", "a", "b", "c"))
        ]
        not_ours = device.ask("other", port)
        beat = healthy.beat()

    assert [(one.returncode, one.stdout) for one in said] == [(0, "0\n")] * 3
    for one in said:
        assert why.format(python=gateway.mode.install.python) in one.stderr
        assert one.stderr.endswith(f"; {WHAT_TO_DO}\n")
    assert (version.returncode, version.stdout) == (0, f"{PROTOCOL} {__version__}\n")
    assert (original.returncode, original.stdout, original.stderr) == (0, "0\n", "")
    assert [(one.returncode, one.stdout) for one in refused] == [(64, "0\n")] * 5
    assert all(one.stderr.count("\n") == 1 for one in refused)
    assert (not_ours.returncode, not_ours.stdout) == (77, "0\n")
    assert beat == 0
    assert not is_gone(session)
    assert not gateway.events(device, EventKind.KILL)


@pytest.mark.parametrize("breaks", [pytest.param(one.values[0], id=one.id) for one in BREAKS])
def test_a_connection_holds_and_beats_and_is_recognized_later(
    gateway: Gateway, breaks: Break
) -> None:
    device = gateway.add(gateway.service().target)

    with broken(gateway, breaks):
        assert device.verdict("claim", "box") == 0
        connection = gateway.connect(device, "hold", "box")
        assert [connection.beat() for _ in range(3)] == [0, 0, 0]
        beats = list(gateway.layout.spool.glob("beat.*"))

    session = gateway.await_up(device)
    assert f"beat.{session.pid}.{session.start_ticks}" in {beat.name for beat in beats}
    assert connection.beat() == 0
    assert not is_gone(session)


def answers(device: Device) -> bool:
    """Whether the device's target is reached through the gateway."""
    try:
        with socket.create_connection(("127.0.0.1", device.ports[0]), timeout=20) as visitor:
            return visitor.recv(4) == b"SSH-"
    except OSError:
        return False


@pytest.mark.parametrize(
    "breaks", [pytest.param(one.values[0], id=one.id) for one in (BREAKS[0], BREAKS[2])]
)
def test_all_clients_stay_up_and_reconnect(
    gateway: Gateway, boxes: Boxes, tmp_path: Path, breaks: Break
) -> None:
    devices = [gateway.add(gateway.service().target) for _ in range(3)]
    for device, kit in zip(devices, (OPENSSH, DROPBEAR), strict=False):
        box = boxes(kit)
        box.start(built(gateway, device, box, kit))
    words = [sys.executable, "-m", "client", "run", "--config", str(devices[2].config)]
    with (tmp_path / "client.log").open("wb") as log:
        client = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log)
    try:
        sessions = [gateway.await_up(device) for device in devices]
        with broken(gateway, breaks):
            stays = [psutil.Process(session.pid) for session in sessions]
            assert all(answers(device) for device in devices)
            assert all(process.is_running() for process in stays)
            for process in stays:
                process.terminate()
            psutil.wait_procs(stays, timeout=10)
            for device in devices:
                until(functools.partial(answers, device), f"{device.node} is back")
        for device, session in zip(devices, sessions, strict=True):
            gateway.await_up(device, after=session)
        assert not gateway.events(kind=EventKind.CLONE)
        assert not [
            event
            for event in gateway.events(kind=EventKind.KILL)
            if event.node in {device.node for device in devices}
        ]
    finally:
        client.terminate()
        client.wait()


def test_key_lines_of_the_released_version_have_the_fallback_too(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    keys = gateway.layout.authorized_keys
    present = keys.read_text()
    without_test = "".join(
        (
            f"{line.partition('[ -x ')[0]}{line.partition('; ')[2]}"
            if f"reversi:{device.node}\n" in line
            else line
        )
        for line in present.splitlines(keepends=True)
    )
    assert without_test != present

    with broken(gateway, without_packages):
        keys.write_text(without_test)
        said = device.ask("claim", "box")

    assert (said.returncode, said.stdout) == (0, "0\n")
    assert said.stderr.endswith(f"{WHAT_TO_DO}\n")


def test_the_gate_asks_a_daemon_that_still_runs(gateway: Gateway) -> None:
    device = gateway.add("127.0.0.1:9,banner:SSH-2.0")

    undo = without_packages(gateway.mode.install)
    try:
        assert device.verdict("check") == 1
    finally:
        undo()
