"""The wheel of this checkout, and a virtual environment that has it."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.programs import run_program

CHECKOUT = Path(__file__).parents[1]
PACKAGES = ("checker", "client", "reversi_tui")
COMMANDS = ("reversi-checker", "reversi-client", "reversi-tui")
LIBRARIES = next(path for path in map(Path, sys.path) if (path / "textual").is_dir())
"""Where the environment of the tests has the libraries."""


def copy_tree(tree: Path) -> Path:
    """Copy what a build needs: a build leaves files beside the source."""
    for name in PACKAGES:
        shutil.copytree(
            CHECKOUT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )
    shutil.copytree(CHECKOUT / "bin", tree / "bin")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, tree / name)
    return tree


def build_wheel(folder: Path, tree: Path) -> Path:
    """Build the tree's wheel into the folder, without the network."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*command, "--wheel-dir", str(folder), str(tree)], check=True, timeout=200)
    (built,) = folder.glob("*.whl")
    return built


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        """Where its packages are."""
        (found,) = self.folder.glob("lib/python3*/site-packages")
        return found

    def run(
        self, command: str, *words: str, cwd: Path = Path("/"), **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment, as a shell would."""
        return run_program(
            [self.folder / "bin" / command, *words],
            env={"PATH": "/usr/bin:/bin", **environ},
            cwd=cwd,
        )


def make_environment(folder: Path) -> Environment:
    """Make an environment that has our libraries, but not us."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(folder)], check=True
    )
    made = Environment(folder=folder)
    (made.site / "libraries.pth").write_text(f"{LIBRARIES}\n", encoding="utf-8")
    return made


def unpack_wheel(wheel: Path, environment: Environment) -> None:
    """Install the wheel as pip does."""
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(environment.site)
    (scripts,) = environment.site.glob("*.data/scripts")
    for script in scripts.iterdir():
        text = script.read_text(encoding="utf-8").replace(
            "#!python\n", f"#!{environment.python}\n", 1
        )
        place = environment.folder / "bin" / script.name
        place.write_text(text, encoding="utf-8")
        place.chmod(place.stat().st_mode | stat.S_IXUSR)
    shutil.rmtree(scripts.parent)
