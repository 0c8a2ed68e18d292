"""Who imports whom: the gate next to nothing, the pure modules no effect, and the checker nothing
of its neighbours.
"""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import checker

GATE = Path(checker.__file__).with_name("gate.py")
PURE = (
    "checker.model",
    "checker.wire",
    "checker.judge",
    "checker.keys",
    "checker.limits",
    "checker.publishing.haproxy",
    "checker.publishing.publications",
    "checker.sshd_log",
    "checker.refusals",
)
EFFECTS = {
    "sqlite3",
    "asyncio",
    "socket",
    "subprocess",
    "ssl",
    "select",
    "selectors",
    "threading",
    "tempfile",
    "logging",
    "fcntl",
}
OWN_EFFECTS = {
    f"checker.{name}"
    for name in (
        "config",
        "registry",
        "store",
        "probe",
        "holders",
        "kill",
        "gateway",
        "daemon",
        "control",
        "cli",
    )
}


def added_by(statement: str, *options: str) -> set[str]:
    """Modules that a fresh interpreter has after the statement, and had not before."""
    program = (
        f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) -"
        " before))"
    )
    said = subprocess.run(
        [sys.executable, *options, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return set(said.stdout.split())


def test_the_gate_imports_next_to_nothing() -> None:
    read = f"exec(compile(open({str(GATE)!r}).read(), 'gate', 'exec'), {{'__name__': 'gate'}})"

    added = added_by(read, "-I", "-S")

    assert added <= {"_socket", "posix"}
    assert not added & {"os", "socket", "re"}


def test_the_gate_starts_without_os_socket_and_re() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-X",
            "importtime",
            str(GATE),
            "--home",
            "/nowhere",
            "--node",
            "x",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={"PATH": "/usr/bin:/bin"},
    )
    before_the_fallback = said.stderr.split("_socket")[0]
    imported = {line.rpartition("|")[2].strip() for line in before_the_fallback.splitlines()}

    assert "_socket" in said.stderr
    assert not imported & {"os", "socket", "re", "enum", "pathlib"}


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_no_effect(module: str) -> None:
    added = added_by(f"import {module}")

    assert not added & EFFECTS
    assert not added & OWN_EFFECTS


@pytest.mark.parametrize(
    "module", sorted(f"checker.{found.name}" for found in pkgutil.iter_modules(checker.__path__))
)
def test_no_module_of_the_checker_imports_its_neighbours(module: str) -> None:
    added = added_by(f"import {module}")

    assert not {
        name
        for name in added
        if name.split(".")[0] in ("client", "reversi_tui", "textual", "asyncssh")
    }
