"""The gateways under attack, and the versions of sshd that they ran."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.accounts import Mode
from tests.system.clients import Device
from tests.system.conftest import (
    gateway,
    mode_of,
    nothing_left,
    ordinary,
    orphans_come_to_us,
    own_gateway,
    reachable,
    sbin,
    session_stack,
    tunnel_account,
    usual,
)
from tests.system.harness import Gateway, gateway_at

__all__ = [
    "gateway",
    "mode_of",
    "nothing_left",
    "ordinary",
    "orphans_come_to_us",
    "own_gateway",
    "reachable",
    "sbin",
    "session_stack",
    "tunnel_account",
    "usual",
]
SSHDS = os.environ.get("REVERSI_SSHDS", "sshd").split(":")
"""The sshd programs to attack: this machine's, or those named by absolute path."""
attacked: set[str] = set()


def version_of(program: str) -> str:
    """The version that sshd prints when it rejects an option; before 9.3 it has no -V."""
    said = subprocess.run(
        [shutil.which(program) or program, "-V"], capture_output=True, text=True, check=False
    ).stderr
    return next(
        (line.partition(",")[0] for line in said.splitlines() if line.startswith("OpenSSH_")),
        "unknown",
    )


@pytest.fixture(
    scope="module",
    params=[(mode, sshd) for mode in ("root-for-tunnel-user", "ordinary") for sshd in SSHDS],
    ids=str,
)
def target(request: pytest.FixtureRequest, mode_of: Callable[[str], Mode]) -> Iterator[Gateway]:
    """A gateway started by `up`, in each mode and with each sshd."""
    mode, sshd = request.param
    with gateway_at(mode_of(mode)) as found, pytest.MonkeyPatch.context() as patch:
        attacked.add(version_of(sshd))
        if "/" in sshd:
            programs = found.folder / "programs"
            programs.mkdir()
            (programs / "sshd").symlink_to(sshd)
            patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        found.up()
        yield found


@pytest.fixture(scope="module")
def stolen(target: Gateway) -> Device:
    """The device whose key was stolen."""
    return target.add("127.0.0.1:9", name="stolen")


@pytest.fixture(scope="module")
def victim(target: Gateway) -> Iterator[Device]:
    """Another node; its tunnel is up and must stay up."""
    device = target.add(target.service().target, name="victim")
    connection = target.connect(device, "hold", "main")
    session = target.await_up(device)
    yield device
    assert connection.beat() == 0
    assert target.await_up(device) == session
    assert target.tunnel(device).kills == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may write to, and nobody should."""
    with tempfile.TemporaryDirectory(prefix="reversi-open-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if attacked:
        terminalreporter.write_line(f"attacked: {', '.join(sorted(attacked))}")
