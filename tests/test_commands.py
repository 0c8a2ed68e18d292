"""The commands run only the packages that they came with, and say which others Python finds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checker import __version__
from tests.wheels import (
    CHECKOUT,
    COMMANDS,
    PACKAGES,
    Environment,
    copy_tree,
    make_environment,
    unpack_wheel,
)

PACKAGE = {
    "reversi-checker": "checker",
    "reversi-client": "client",
    "reversi-tui": "reversi_tui",
}
ENTRY = {"checker": "cli/main.py", "client": "cli.py", "reversi_tui": "__main__.py"}
ASIDE = ".aside"
OWN = "install reversi-ssh into an environment of its own"
AGAIN = "install reversi-ssh again into its environment"

every_command = pytest.mark.parametrize("command", COMMANDS)


@pytest.fixture(scope="module")
def installed(built_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    found = make_environment(tmp_path_factory.mktemp("environment") / "venv")
    unpack_wheel(built_wheel, found)
    return found


@pytest.fixture
def environment(installed: Environment) -> Iterator[Environment]:
    """The installed one; afterwards it is mended."""
    library = installed.site.parent
    names = [f"{name}/__init__.py" for name in PACKAGES]
    names += [f"{name}/{entry}" for name, entry in ENTRY.items()]
    before = {installed.site / name: (installed.site / name).read_bytes() for name in names}
    there = set(installed.site.iterdir())
    yield installed
    if not library.exists():
        installed.site.parent.rename(library)
    for place in {*installed.site.iterdir()} - there:
        if place.suffix == ASIDE:
            place.rename(place.with_suffix(""))
        else:
            place.unlink()
    for path, content in before.items():
        path.write_bytes(content)


def foreign(folder: Path, package: str, *, is_regular: bool = True) -> Path:
    """Make another's package of this name, whose command does nothing and ends with 0."""
    entry = folder / package / ENTRY[package]
    entry.parent.mkdir(parents=True, exist_ok=True)
    trace = f"import pathlib\npathlib.Path({str(folder / 'ran')!r}).touch()\n"
    entry.write_text(f"{trace}def main(): pass\n", encoding="utf-8")
    if is_regular:
        (folder / package / "__init__.py").write_text(trace, encoding="utf-8")
    return folder / package


def put_aside(place: Path) -> None:
    place.rename(place.with_suffix(ASIDE))


def refused(done: subprocess.CompletedProcess[str], command: str) -> str:
    """The one sentence with which the command refused to run."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith(f"{command}: error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@every_command
def test_an_installed_command_runs(installed: Environment, command: str) -> None:
    done = installed.run(command, "--version")

    assert (done.returncode, done.stdout) == (0, f"{command} {__version__}\n"), done.stderr


@every_command
def test_the_directory_in_which_a_command_runs_does_not_matter(
    installed: Environment, tmp_path: Path, command: str
) -> None:
    foreign(tmp_path, PACKAGE[command])

    done = installed.run(command, "--version", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"{command} {__version__}\n"), done.stderr


@every_command
def test_another_package_in_pythonpath_is_named_and_not_run(
    installed: Environment, tmp_path: Path, command: str
) -> None:
    place = foreign(tmp_path, PACKAGE[command])

    said = refused(installed.run(command, "--version", PYTHONPATH=str(tmp_path)), command)

    assert f"finds another package called {PACKAGE[command]} instead of reversi's, {place};" in said
    assert f"unset PYTHONPATH, or {OWN}" in said
    assert not (tmp_path / "ran").exists()


def test_an_empty_word_of_pythonpath_is_the_present_directory(
    installed: Environment, tmp_path: Path
) -> None:
    foreign(tmp_path, "client")

    done = installed.run("reversi-client", "--version", cwd=tmp_path, PYTHONPATH="/nowhere:")

    assert "unset PYTHONPATH, or" in refused(done, "reversi-client")


def test_a_module_of_the_name_is_named(installed: Environment, tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text("raise SystemExit(0)\n", encoding="utf-8")

    done = installed.run("reversi-client", "--version", PYTHONPATH=str(tmp_path))

    assert f"{tmp_path}/client.py" in refused(done, "reversi-client")


@every_command
def test_a_package_installed_over_ours_is_named(environment: Environment, command: str) -> None:
    place = foreign(environment.site, PACKAGE[command])

    said = refused(environment.run(command, "--version"), command)

    assert f"instead of reversi's, {place}; {OWN}" in said
    assert not (environment.site / "ran").exists()


@every_command
def test_a_package_before_ours_on_the_path_is_named(
    environment: Environment, tmp_path: Path, command: str
) -> None:
    place = foreign(tmp_path, PACKAGE[command])
    line = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    (environment.site / "a.pth").write_text(line, encoding="utf-8")

    said = refused(environment.run(command, "--version"), command)

    assert f"instead of reversi's, {place}; {OWN}" in said


@every_command
def test_a_foreign_checker_stops_every_command(
    installed: Environment, tmp_path: Path, command: str
) -> None:
    foreign(tmp_path, "checker")

    said = refused(installed.run(command, "--version", PYTHONPATH=str(tmp_path)), command)

    assert "another package called checker" in said


@every_command
def test_a_namespace_package_gives_way_to_ours(
    installed: Environment, tmp_path: Path, command: str
) -> None:
    foreign(tmp_path, PACKAGE[command], is_regular=False)

    assert installed.run(command, "--version", PYTHONPATH=str(tmp_path)).returncode == 0


@every_command
def test_a_namespace_package_in_place_of_ours_is_named(
    environment: Environment, tmp_path: Path, command: str
) -> None:
    place = foreign(tmp_path, PACKAGE[command], is_regular=False)
    put_aside(environment.site / PACKAGE[command])

    said = refused(environment.run(command, "--version", PYTHONPATH=str(tmp_path)), command)

    assert f"instead of reversi's, {place};" in said


def of_another_version(environment: Environment) -> None:
    place = environment.site / "checker" / "__init__.py"
    text = place.read_text(encoding="utf-8")
    place.write_text(text.replace(__version__, "7.8.9"), encoding="utf-8")


def with_a_broken_module(environment: Environment) -> None:
    for package, entry in ENTRY.items():
        (environment.site / package / entry).write_text("(\n", encoding="utf-8")


def without_a_module(environment: Environment) -> None:
    for package, entry in ENTRY.items():
        (environment.site / package / entry).unlink()


def of_another_python(environment: Environment) -> None:
    """Debian's upgrade from 12 to 13: the new interpreter's package directory is empty."""
    library = environment.site.parent
    library.rename(library.with_name("python3.2"))


def without_packages(environment: Environment) -> None:
    for package in PACKAGES:
        put_aside(environment.site / package)


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        pytest.param(of_another_version, "finds 7.8.9 in ", id="another version"),
        pytest.param(with_a_broken_module, "reversi cannot be imported by ", id="broken"),
        pytest.param(without_a_module, "reversi cannot be imported by ", id="a module missing"),
        pytest.param(of_another_python, "No module named 'checker'", id="another Python"),
        pytest.param(without_packages, "No module named 'checker'", id="nothing there"),
    ],
)
def test_half_an_installation_is_refused(
    environment: Environment, breaks: Callable[[Environment], None], says: str
) -> None:
    breaks(environment)

    for command in COMMANDS:
        said = refused(environment.run(command, "--version"), command)

        assert says in said
        assert f"{environment.python} (3.{sys.version_info.minor})" in said
        assert AGAIN in said


def test_an_interpreter_that_was_exchanged_is_named(installed: Environment, tmp_path: Path) -> None:
    """The environment's link leads to an interpreter of another environment."""
    other = make_environment(tmp_path / "other")
    aside = installed.python.rename(tmp_path / "python")
    installed.python.write_text(f'#!/bin/sh\nexec {other.python} "$@"\n', encoding="utf-8")
    installed.python.chmod(0o755)
    try:
        all_said = [refused(installed.run(one, "--version"), one) for one in COMMANDS]
    finally:
        aside.replace(installed.python)

    for said in all_said:
        assert f"reversi cannot be imported by {other.python} " in said


def test_packages_of_two_places_are_named(environment: Environment, tmp_path: Path) -> None:
    shutil.copytree(environment.site / "client", tmp_path / "client")

    done = environment.run("reversi-client", "--version", PYTHONPATH=str(tmp_path))

    said = refused(done, "reversi-client")
    assert "finds two versions of reversi: " in said
    assert str(tmp_path) in said


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_has_the_word_that_the_commands_look_for(package: str) -> None:
    text = (CHECKOUT / package / "__init__.py").read_text(encoding="utf-8")

    assert 'DISTRIBUTION = "reversi-ssh"' in text


def test_the_commands_differ_only_in_what_they_run() -> None:
    bodies = {
        (CHECKOUT / "bin" / command).read_text(encoding="utf-8").partition("# From here on")[2]
        for command in COMMANDS
    }

    assert len(bodies) == 1


def test_an_editable_install_takes_any_version(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    build = "from setuptools import build_meta; build_meta.build_editable('.')"

    subprocess.run(
        [sys.executable, "-c", build], cwd=tree, check=True, capture_output=True, timeout=200
    )

    (wheel,) = tree.glob("*.whl")
    made = make_environment(tmp_path / "venv")
    unpack_wheel(wheel, made)
    of_this_version = re.compile(r'^VERSION = "(.*)"', re.MULTILINE)
    scripts = [(made.folder / "bin" / command).read_text("utf-8") for command in COMMANDS]
    assert [of_this_version.findall(text) for text in scripts] == [[""]] * 3
    assert made.run("reversi-client", "--version").stdout == f"reversi-client {__version__}\n"
