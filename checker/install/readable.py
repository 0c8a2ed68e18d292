"""Where reversi runs from, and whether the two accounts of a gateway can read all of it."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.install.steps import Trouble
from checker.install.unit_files import DAEMON_USER
from checker.linux.as_user import Closed, first_closed, ids_of

PACKAGES = ("checker", "psutil", "tomli_w", "tomlkit")
ASK = """
import json
from checker.install.readable import where
print(json.dumps(where()))
"""
WITHIN_S = 30
PRIVATE = ("/root", "/home", "/run/user")
"""Directories that are closed for a reason: nobody should open them for reversi."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An interpreter, and what it loads to run reversi."""

    python: Path
    prefix: Path
    library: tuple[Path, ...]
    packages: tuple[Path, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """Return where all of it is, links resolved."""
        found = (self.python, self.python.resolve(), *self.library, *self.packages)
        return tuple(dict.fromkeys(str(path) for path in found))

    @property
    def files(self) -> tuple[Path, ...]:
        """Return everything that must be readable; of the large library only a part."""
        (stdlib, *_) = self.library
        modules = (stdlib / name / "__init__.py" for name in ("encodings", "json", "asyncio"))
        beside = (self.prefix / "pyvenv.cfg", stdlib / "lib-dynload")
        own = (file for package in self.packages for file in files_below(package))
        return (self.python, *self.library, *modules, *beside, *own)


def files_below(package: Path) -> Iterator[Path]:
    """Yield a package's directories and files. Python can do without the compiled ones."""
    yield package
    for path in sorted(package.rglob("*")):
        if "__pycache__" not in path.parts:
            yield path


def where() -> dict[str, list[str]]:
    """Return what this interpreter loads, as lists of paths."""
    found = [importlib.util.find_spec(name) for name in PACKAGES]
    return {
        "prefix": [sys.prefix],
        "library": [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), os.__file__],
        "packages": [str(Path(one.origin).parent) for one in found if one and one.origin],
    }


def installation(python: str) -> Installation | None:
    """Ask an interpreter what it loads; None if it cannot run reversi."""
    found = where() if python == sys.executable else asked(python)
    if found is None or len(found["packages"]) != len(PACKAGES):
        return None
    return Installation(
        python=Path(python),
        prefix=Path(found["prefix"][0]),
        library=tuple(map(Path, found["library"])),
        packages=tuple(map(Path, found["packages"])),
    )


def asked(python: str) -> dict[str, list[str]] | None:
    """Return what another interpreter loads; None if it does not answer."""
    try:
        said = subprocess.run(
            [python, "-I", "-c", ASK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=WITHIN_S,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    answer: dict[str, list[str]] = json.loads(said)
    return answer


def closed_to(user: str, found: Installation) -> Closed | None:
    """Return what this account could not read; None if nothing, or if only root could try it."""
    if os.geteuid() != 0:
        return None
    return first_closed(ids_of(user), found.files, program=found.python)


def unreadable(users: Sequence[str], found: Installation) -> Trouble | None:
    """Return the first thing that one of these accounts could not read; None if they can read
    all.
    """
    for user in users:
        closed = closed_to(user, found)
        if closed is not None:
            return trouble_of(user, closed, found)
    return None


def examine(pythons: Sequence[str], tunnel_user: str) -> tuple[tuple[str, ...], str]:
    """Return where these interpreters run reversi from, and why the gateway's two accounts could
    not; empty if they could.
    """
    places: list[str] = []
    for python in dict.fromkeys(pythons):
        found = installation(python)
        if found is None:
            return tuple(places), f"{python} cannot run reversi; name one that can, with --python"
        places.extend(found.places)
        trouble = unreadable((tunnel_user, DAEMON_USER), found)
        if trouble:
            return tuple(places), str(trouble)
    return tuple(places), ""


def trouble_of(user: str, closed: Closed, found: Installation) -> Trouble:
    """Say what is in the way, and how to open it: never by opening somebody's home."""
    at = closed.at
    sentence = (
        f"account {user} could not read {closed.path}, because {at} has mode {closed.mode:04o}"
    )
    if any(at.is_relative_to(place) for place in PRIVATE):
        advice = (
            f"install reversi-ssh under /opt, with an interpreter that is not below {at}, such as"
            " /usr/bin/python3"
        )
        return Trouble(sentence=sentence, advice=advice)
    return Trouble(sentence=sentence, commands=tuple(open_commands(closed, found)))


def open_commands(closed: Closed, found: Installation) -> Iterator[str]:
    """Yield the commands that open the way, and all that was installed with the file: with umask
    077, all of it is closed.
    """
    roots = (found.prefix, *found.packages, *found.library)
    whole = next((root for root in roots if is_below(closed.path, root)), closed.path)
    if not is_below(closed.at, whole):
        yield f"chmod a+rX {shlex.quote(str(closed.at))}"
    yield f"chmod -R a+rX {shlex.quote(str(whole))}"


def is_below(path: Path, root: Path) -> bool:
    return path.is_relative_to(root) or path.is_relative_to(root.resolve())
