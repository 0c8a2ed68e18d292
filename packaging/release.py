"""What is packaged: its name, its commands, its version and its time."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
NAME = "reversi-ssh"
PREFIX = "usr/lib/reversi"
PYTHON = "/usr/bin/python3"
"""The Python that the package is for: that of the system on which it is built."""
COMMANDS = {
    "reversi-checker": "test reverse SSH tunnels, and free the ports of those that hang",
    "reversi-client": "keep a reverse SSH tunnel, or build the file that keeps one",
    "reversi-tui": "show all tunnels of a gateway live",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release, for one version of Python."""

    version: str
    """As pip knows it."""
    python: tuple[int, int]
    epoch: int
    """Unix seconds: the time of every file."""

    @property
    def debian(self) -> str:
        """Return the package's version. Of one release, the one for a newer Python is higher."""
        upstream = re.sub(r"\.?(a|b|rc|dev)(\d+)", r"~\1\2", self.version)
        return f"{upstream}-1+py{self.python_text}"

    @property
    def python_text(self) -> str:
        return f"{self.python[0]}.{self.python[1]}"


def output_of(*words: str) -> str:
    """Run a command that must succeed."""
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    return done.stdout.strip()


def this_release() -> Release:
    """Return the release that the checkout has."""
    text = (CHECKOUT / "checker/__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    assert version is not None
    asked = "import sys; print(*sys.version_info[:2])"
    major, minor = output_of(PYTHON, "-I", "-c", asked).split()
    return Release(version=version[1], python=(int(major), int(minor)), epoch=epoch())


def epoch() -> int:
    """Return SOURCE_DATE_EPOCH, else the time of the last commit, else that of the changelog."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    try:
        return int(output_of("git", "log", "-1", "--format=%ct"))
    except (OSError, subprocess.CalledProcessError):
        return int((CHECKOUT / "CHANGELOG.md").stat().st_mtime)
