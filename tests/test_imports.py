"""The gate imports almost nothing, pure modules no effects, the checker no package beside it."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import checker

GATE = Path(checker.__file__).with_name("gate.py")
CONTRACTS = tomllib.loads(
    (Path(checker.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
)["tool"]["importlinter"]["contracts"]
PURITY = next(one for one in CONTRACTS if one["name"] == "pure modules have no effects")
PURE = tuple(PURITY["source_modules"])
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
OWN_EFFECTS = frozenset(PURITY["forbidden_modules"])


ONE_BY_ONE = """
import importlib, sys
for name in sys.argv[1:]:
    before = set(sys.modules)
    importlib.import_module(name)
    print(name, *sorted(set(sys.modules) - before))
"""


def said_by(program: str, *arguments: str, options: Sequence[str] = ()) -> str:
    """What a fresh interpreter prints."""
    words = [sys.executable, *options, "-c", program, *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=200).stdout


def added_by(statement: str, *options: str) -> frozenset[str]:
    """The modules that the statement adds to a fresh interpreter."""
    program = (
        f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) -"
        " before))"
    )
    return frozenset(said_by(program, options=options).split())


def added_one_by_one(modules: Iterable[str]) -> dict[str, frozenset[str]]:
    """The modules that each module adds to one interpreter, which has imported those before it.

    A fresh interpreter for each would show the same: if none adds a module, none needs it.
    """
    lines = [line.split() for line in said_by(ONE_BY_ONE, *modules).splitlines()]
    return {name: frozenset(added) for name, *added in lines}


def test_the_gate_imports_almost_nothing() -> None:
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
        timeout=200,
        env={"PATH": "/usr/bin:/bin"},
    )
    before_the_fallback = said.stderr.split("_socket")[0]
    imported = {line.rpartition("|")[2].strip() for line in before_the_fallback.splitlines()}

    assert "_socket" in said.stderr
    assert not imported & {"os", "socket", "re", "enum", "pathlib"}


def test_the_commands_start_without_what_few_of_them_need() -> None:
    added = added_by("from checker.cli.main import build_parser; build_parser()")

    assert "checker.cli.nodes" in added
    assert not added & {"asyncio", "ssl", "tomlkit", "checker.tunnels.gateway", "checker.daemon"}
    assert not added & {"apprise", "prometheus_client", "nats", "urllib.request"}


def test_a_command_starts_without_what_only_others_need() -> None:
    added = added_by('from checker.cli.main import build_parser; build_parser(["status"])')

    assert "checker.cli.status" in added
    assert not added & {"psutil", "checker.sshd.lockdown", "checker.cli.nodes", "checker.install"}


def test_a_verb_of_node_starts_without_what_only_others_need() -> None:
    added = added_by('from checker.cli.main import build_parser; build_parser(["node", "list"])')

    assert "checker.cli.nodes" in added
    assert not added & {"checker.cli.node_add", "checker.cli.node_pending", "checker.sshd.lockdown"}


def test_pure_modules_import_no_effect() -> None:
    added = added_one_by_one(PURE)

    assert set(added) == set(PURE)
    assert {name: found for name in PURE if (found := added[name] & (EFFECTS | OWN_EFFECTS))} == {}


def test_no_module_of_the_checker_imports_client_or_console() -> None:
    modules = [found.name for found in pkgutil.walk_packages(checker.__path__, "checker.")]

    added = added_one_by_one(modules)

    foreign = {
        (module, name)
        for module, names in added.items()
        for name in names
        if name.split(".")[0] in ("client", "reversi_tui", "textual", "asyncssh")
    }
    assert set(added) == set(modules)
    assert foreign == set()
