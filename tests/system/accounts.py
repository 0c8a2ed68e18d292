"""The accounts that run gateway and tunnel, and a checker that ordinary accounts can run."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.programs import require
from tests.system.waiting import until
from tests.system.warm import Warm

ENTRY = "from checker.cli.main import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of the machine."""

    name: str
    uid: int
    gid: int

    @property
    def is_me(self) -> bool:
        return self.uid == os.geteuid()

    def spawn_options(self) -> dict[str, Any]:
        """Arguments that make subprocess run a program as this user."""
        return {} if self.is_me else {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """A checker on disk: the words that begin its command line, and its interpreter."""

    words: tuple[str, ...]
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One way to run a gateway."""

    runner: Account
    tunnel: Account
    install: Install
    warm: Warm | None = None
    """Runs commands of the install; None: each starts as a program."""

    @property
    def is_privileged(self) -> bool:
        return self.runner.uid == 0


def me() -> Account:
    found = pwd.getpwuid(os.geteuid())
    return Account(name=found.pw_name, uid=found.pw_uid, gid=found.pw_gid)


def own_install() -> Install:
    """The installation that runs the tests."""
    return Install(
        words=(str(Path(sys.executable).with_name("reversi-checker")),), python=sys.executable
    )


@contextmanager
def temporary_account() -> Iterator[Account]:
    """Make an account for the block. Needs root."""
    require("useradd", "userdel")
    name = f"reversi-t{os.getpid()}-{secrets.token_hex(2)}"
    home = tempfile.mkdtemp(prefix="reversi-user-")
    Path(home).chmod(0o755)
    change_accounts(
        "useradd", "--no-create-home", "--home-dir", home, "-s", "/bin/sh", "-p", "*", name
    )
    try:
        found = pwd.getpwnam(name)
        yield Account(name=name, uid=found.pw_uid, gid=found.pw_gid)
    finally:
        change_accounts("userdel", name)
        shutil.rmtree(home)


def change_accounts(*words: str) -> None:
    """Run useradd, usermod or userdel until it succeeds. Each refuses after 15 s if another program
    has the lock of the accounts, and userdel while a process of the account is still ending.
    """
    said = ""

    def is_done() -> bool:
        nonlocal said
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        said = done.stderr
        return done.returncode == 0

    try:
        until(is_done, " ".join(words))
    except AssertionError as error:
        raise AssertionError(f"{error}: {said}") from None


@contextmanager
def reachable_install(release: Path | None = None) -> Iterator[Install]:
    """Copy the checker, with an interpreter, to a directory that every account can enter.
    `release`: an archive of a released one to take instead.
    """
    base = next(
        (p for p in (sys.executable, "/usr/bin/python3") if is_reachable(Path(p)) and is_recent(p)),
        None,
    )
    if base is None:
        pytest.fail(
            "no python3 of 3.11 or newer that another user may run; install python3 from the"
            " distribution",
            pytrace=False,
        )
    folder = Path(tempfile.mkdtemp(prefix="reversi-install-"))
    try:
        folder.chmod(0o755)
        subprocess.run([base, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
        site = folder / "site"
        for package in ("checker", "psutil", "tomli_w", "tomlkit"):
            spec = find_spec(package)
            assert spec is not None
            assert spec.origin is not None
            shutil.copytree(  # with what Python has compiled, without what it is writing
                Path(spec.origin).parent, site / package, ignore=shutil.ignore_patterns("*.pyc.*")
            )
        if release is not None:
            shutil.rmtree(site / "checker")
            safe: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            with tarfile.open(release) as archive:
                archive.extractall(site, **safe)
        subprocess.run([base, "-m", "compileall", "-q", str(site)], check=True)
        (library,) = (folder / "venv" / "lib").glob("python3*")
        # the folder may be mounted elsewhere
        (library / "site-packages" / "reversi.pth").write_text("../../../../site\n")
        subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
        python = str(folder / "venv" / "bin" / "python")
        entry = ("-c", ENTRY) if release is None else ("-m", "checker")
        yield Install(words=(python, *entry), python=python)
    finally:
        shutil.rmtree(folder)


def is_reachable(program: Path) -> bool:
    """Whether every user can enter each directory on the way to the program, links included."""
    return all(
        place.stat().st_mode & 0o001
        for found in (program, program.resolve())
        for place in found.parents
    )


def is_recent(python: str) -> bool:
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return (
        Path(python).exists() and subprocess.run([python, "-c", check], check=False).returncode == 0
    )
