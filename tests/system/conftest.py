"""Fixtures of the tests with real programs: accounts, gateways, and a check for leftovers."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest

from tests.bundles import Box, applets
from tests.programs import require
from tests.system.accounts import (
    Account,
    Install,
    Mode,
    me,
    own_install,
    reachable_install,
    temporary_account,
)
from tests.system.debs import Debs, make_debs
from tests.system.devices import Boxes, Kit
from tests.system.fleet import Fleet
from tests.system.harness import FAST, Gateway, gateway_at
from tests.system.machine import Machine
from tests.system.network import GATEWAY, GATEWAY_HOST, Network, network
from tests.system.ports import free_port
from tests.system.python_client import Echo
from tests.system.shell.stand_ins import CRONTAB, program
from tests.system.waiting import LONG_S
from tests.system.warm import Warm, running

PR_SET_CHILD_SUBREAPER = 36
SBIN = "/usr/sbin:/sbin:/usr/local/sbin"
MODES = ("root", "root-for-tunnel-user", "ordinary")
"""Who runs the gateway, and for whom; each mode finds the holder in another way."""


@pytest.fixture(scope="session", autouse=True)
def sbin() -> Iterator[None]:
    """Put the administrator's programs on the PATH, whoever runs the tests."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{before}:{SBIN}"
    yield
    os.environ["PATH"] = before


@pytest.fixture(scope="session", autouse=True)
def orphans_come_to_us() -> None:
    """Adopt processes whose parents die, so that none can hide from `nothing_left`."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@pytest.fixture(scope="module", autouse=True)
def nothing_left(sbin: None, orphans_come_to_us: None) -> Iterator[None]:
    """Fail a module that leaves a process behind."""
    before = set(psutil.Process().children(recursive=True))
    yield
    end = time.monotonic() + LONG_S
    while left := [
        process
        for process in psutil.Process().children(recursive=True)
        if process not in before and process.pid not in running and not reaped(process)
    ]:
        if time.monotonic() > end:
            names = [f"{process.pid} {' '.join(process.cmdline())}" for process in left]
            for process in left:
                process.kill()
            pytest.fail(f"left behind: {names}")
        time.sleep(0.05)


def reaped(process: psutil.Process) -> bool:
    """Whether the process is over; collect it if it is our zombie."""
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return False
        if process.ppid() == os.getpid():
            os.waitpid(process.pid, os.WNOHANG)
    except (psutil.NoSuchProcess, ChildProcessError):
        return True
    return True


@pytest.fixture(scope="session")
def session_stack() -> Iterator[ExitStack]:
    """A stack that is closed at the end of the run."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def tunnel_account(session_stack: ExitStack) -> Account:
    """An ordinary user: a temporary one if root runs the tests, else the user who runs them."""
    return session_stack.enter_context(temporary_account()) if os.geteuid() == 0 else me()


@pytest.fixture(scope="session")
def reachable(session_stack: ExitStack) -> Install:
    """A checker that the ordinary user can run."""
    return session_stack.enter_context(reachable_install()) if os.geteuid() == 0 else own_install()


@pytest.fixture(scope="session")
def debs(tmp_path_factory: pytest.TempPathFactory) -> Debs:
    """The package, built once: all that need it are in one part of the suite."""
    require("dpkg-deb")
    return make_debs(tmp_path_factory.mktemp("debs"))


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A stock server in namespaces of its own."""
    if os.geteuid() != 0:
        pytest.skip("a namespace of one's own takes root")
    require("sshd", "ssh", "unshare", "nsenter", "setpriv", "useradd", "sysctl", "ss", "ip")
    require("systemd-tmpfiles")
    install: Install = request.getfixturevalue("reachable")
    with closing(Machine(install)) as found:
        yield found


@pytest.fixture(scope="session")
def mode_of(session_stack: ExitStack, request: pytest.FixtureRequest) -> Callable[[str], Mode]:
    """Return a mode by its name; skip the test if the mode needs root."""

    @functools.cache
    def warm(python: str) -> Warm:
        made = Warm(python)
        session_stack.callback(made.close)
        return made

    def mode(name: str) -> Mode:
        require("sshd", "ssh", "ssh-keygen")
        if name != "ordinary" and os.geteuid() != 0:
            pytest.skip(f"mode {name} needs root")
        if name == "root":
            own = own_install()
            return Mode(runner=me(), tunnel=me(), install=own, warm=warm(own.python))
        account: Account = request.getfixturevalue("tunnel_account")
        install: Install = request.getfixturevalue("reachable")
        return Mode(
            runner=me() if name == "root-for-tunnel-user" else account,
            tunnel=account,
            install=install,
            warm=warm(install.python),
        )

    return mode


@pytest.fixture(scope="session")
def usual(mode_of: Callable[[str], Mode]) -> Mode:
    """The mode of tests that are not about modes: the installed one if root runs the tests."""
    return mode_of("root-for-tunnel-user" if os.geteuid() == 0 else "ordinary")


@pytest.fixture(scope="session")
def ordinary(mode_of: Callable[[str], Mode]) -> Mode:
    """The mode without any privilege."""
    return mode_of("ordinary")


@pytest.fixture(scope="module")
def gateway(usual: Mode) -> Iterator[Gateway]:
    """A gateway that the tests of a module share, each with its own nodes."""
    with gateway_at(usual) as found:
        found.up()
        yield found


@pytest.fixture(scope="module", params=MODES)
def each_gateway(
    request: pytest.FixtureRequest, mode_of: Callable[[str], Mode]
) -> Iterator[Gateway]:
    """A gateway that the tests of a module share, once in each mode."""
    with gateway_at(mode_of(request.param)) as found:
        found.up()
        yield found


@pytest.fixture
def own_gateway(usual: Mode) -> Iterator[Gateway]:
    """A gateway for one test, not yet started."""
    with gateway_at(usual) as found:
        yield found


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    """Gateway, router and device, each in its own network namespace."""
    require("ip", "tc", "unshare", "nsenter")
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    with network() as found:
        yield found


@pytest.fixture(scope="module")
def far_policy() -> str:
    """The policy in the far gateway's configuration; a module may override it."""
    return FAST


@pytest.fixture(scope="module")
def far_gateway(net: Network, usual: Mode, far_policy: str) -> Iterator[Gateway]:
    """A gateway on the other side of the router."""
    with gateway_at(
        usual, policy=far_policy, inside=net.inside(GATEWAY), host=GATEWAY_HOST
    ) as found:
        found.up()
        yield found


@pytest.fixture(scope="module")
def fleet(usual: Mode) -> Iterator[Fleet]:
    """A gateway with a shared key, and devices that have it."""
    with gateway_at(usual, policy=FAST) as gateway:
        found = Fleet(gateway)
        gateway.up()
        yield found


@pytest.fixture
def port() -> int:
    """A free port of the loopback."""
    return free_port()


@pytest.fixture
def echo() -> Iterator[Echo]:
    """A service on the node's side."""
    service = Echo()
    yield service
    service.close()


@pytest.fixture(scope="module")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return applets(tmp_path_factory.mktemp("busybox") / "bin")


@pytest.fixture
def boxes(tmp_path: Path, busybox: Path) -> Iterator[Boxes]:
    """Make devices, each with only the kit's SSH client."""
    made: list[Box] = []

    def new(kit: Kit) -> Box:
        helper = {"ssh": "ssh-keygen", "dbclient": "dropbearkey"}[kit.client]
        require(kit.client, helper)
        folder = tmp_path / f"box {len(made)}"
        programs = folder / "programs"
        path: list[Path | str] = (
            [programs, busybox] if kit.only_busybox else [programs, "/usr/bin", "/bin"]
        )
        box = Box(folder, kit.shell, path=path)
        programs.mkdir()
        for name in (kit.client, helper):
            (programs / name).symlink_to(shutil.which(name) or name)
        program(programs, "crontab", CRONTAB)
        (programs / "crontab.txt").write_text("")
        if not kit.only_busybox:
            program(programs, "screen", "#!/bin/sh\nexit 1\n")
        made.append(box)
        return box

    yield new
    for box in made:
        box.close()
