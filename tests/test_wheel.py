"""What `pip install .` installs: every file of the packages, and three commands."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from checker import __version__
from tests.wheels import CHECKOUT, COMMANDS, PACKAGES


@pytest.fixture(scope="module")
def wheel(built_wheel: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(built_wheel)


def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    in_tree = {
        str(path.relative_to(CHECKOUT))
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }

    missing = in_tree - set(wheel.namelist())

    assert not missing, (
        f"not in the wheel: {', '.join(sorted(missing))}; see package-data in pyproject.toml"
    )


def test_leftovers_of_an_earlier_build_are_not_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert "checker/of_a_newer_release.py" not in wheel.namelist()


def test_the_wheel_holds_only_the_packages_and_the_commands(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}

    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == set(PACKAGES)


def test_the_wheel_brings_the_three_commands(wheel: zipfile.ZipFile) -> None:
    scripts = {
        name.rpartition("/")[2]: wheel.read(name)
        for name in wheel.namelist()
        if ".data/scripts/" in name
    }

    assert set(scripts) == set(COMMANDS)
    assert all(text.startswith(b"#!python") for text in scripts.values()), (
        "pip writes the environment's interpreter there"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_whose_packages_are_gone_says_so_in_one_sentence(command: str) -> None:
    bare = [sys.executable, "-I", "-S", str(CHECKOUT / "bin" / command), "--version"]

    done = subprocess.run(bare, capture_output=True, text=True, check=False, timeout=200)

    assert done.returncode == 2
    assert done.stderr.startswith(
        f"{command}: error: reversi cannot be imported by {sys.executable}"
    )
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_passes_on_the_exit_status(command: str) -> None:
    verb = {
        "reversi-checker": ("--home", "/nowhere", "node", "show", "office"),
        "reversi-client": ("check", "--config", "/nowhere"),
        "reversi-tui": ("--home", "/nowhere", "--once"),
    }[command]
    words = [sys.executable, str(CHECKOUT / "bin" / command), *verb]

    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=200)

    assert done.returncode == 2, done.stderr


def test_the_wheel_names_its_authors_and_has_the_checkers_version(
    wheel: zipfile.ZipFile,
) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))

    said = email.message_from_bytes(wheel.read(metadata))

    assert said["Name"] == "reversi-ssh"
    assert said["Version"] == __version__
    assert said["License-Expression"] == "GPL-3.0-or-later"
    assert said["Author"] == "The reversi developers"
    assert "openssh" in said["Keywords"].split(",")
    assert "Typing :: Typed" in said.get_all("Classifier", [])


def test_the_version_is_written_in_one_place() -> None:
    places = [
        str(path.relative_to(CHECKOUT))
        for path in [
            CHECKOUT / "pyproject.toml",
            *(path for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py")),
        ]
        if re.search(
            r"""^(__)?version(__)?\s*=\s*["']""",
            path.read_text(encoding="utf-8"),
            re.MULTILINE | re.IGNORECASE,
        )
    ]

    assert places == ["checker/__init__.py"]
