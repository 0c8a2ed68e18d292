"""`./run` before it is set up: help, usage errors, and missing programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.programs import require

RUN = Path(__file__).parents[3] / "run"
TOOLS = ("cat", "cksum", "dirname", "printf", "sed", "sh", "xargs")
SHELLS = [["dash"], ["busybox", "ash"], ["bash", "--posix"]]

pytestmark = pytest.mark.shell


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A directory for PATH with few programs; a test adds its own `id`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    return folder


def program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run(
    *arguments: str, path: str, venv: Path, shell: tuple[str, ...] = ("/bin/sh",)
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, str(RUN), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        stdin=subprocess.DEVNULL,
        env={"PATH": path, "REVERSI_VENV": str(venv)},
    )


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_help_names_every_command(shell: list[str], tmp_path: Path) -> None:
    require(shell[0])

    done = run(
        "help",
        path="/usr/bin:/bin",
        venv=tmp_path / "venv",
        shell=(shutil.which(shell[0]) or "", *shell[1:]),
    )

    assert done.returncode == 0
    assert all(f"  {command}" in done.stdout for command in ("demo", "test", "lint", "bench"))
    assert not done.stderr


@pytest.mark.parametrize("arguments", [(), ("tset",)], ids=["none", "unknown"])
def test_other_commands_are_refused_with_the_help(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(*arguments, path="/usr/bin:/bin", venv=tmp_path / "venv")

    assert done.returncode == 2
    assert "usage: ./run" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_an_ordinary_user_is_told_each_missing_package_once(
    shell: list[str], bare: Path, tmp_path: Path
) -> None:
    require(shell[0])
    program(bare, "id", "echo 1000")

    done = run(
        "test",
        path=str(bare),
        venv=tmp_path / "venv",
        shell=(shutil.which(shell[0]) or "", *shell[1:]),
    )

    assert done.returncode == 2
    for package in ("openssh-client", "openssl", "shellcheck", "tmux", "busybox"):
        line = f"run: {package} is missing; install it with: sudo apt-get install {package}"
        assert done.stderr.splitlines().count(line) == 1, done.stderr
    assert not (tmp_path / "venv").exists()


def test_root_is_told_if_apt_fails(bare: Path, tmp_path: Path) -> None:
    program(bare, "id", "echo 0")
    program(bare, "apt-get", f'echo "$*" >>{tmp_path}/asked; exit 100')

    done = run("demo", path=str(bare), venv=tmp_path / "venv")

    assert done.returncode == 2
    assert "apt-get could not install:" in done.stderr
    assert "openssh-client" in done.stderr
    assert (tmp_path / "asked").read_text() == "-qq update\n"
    assert not (tmp_path / "venv").exists()
