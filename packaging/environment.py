"""The private environment in `/usr/lib/reversi`: the system's Python with our own packages.

`packages/` has the same path whatever the version of Python is. The key lines name the gate in it,
so they stay valid when the distribution, and with it Python, is upgraded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from release import CHECKOUT, COMMANDS, PREFIX, PYTHON, Release

EXTRAS = "alerts,fleet,metrics"
"""The admin cannot add libraries to the environment of a package, so it has all of them."""
COMPILE = """
import compileall, py_compile, sys
kind = py_compile.PycInvalidationMode.TIMESTAMP
folder, strip = sys.argv[1:]
options = {"quiet": 1, "stripdir": strip, "prependdir": "/", "invalidation_mode": kind}
sys.exit(not compileall.compile_dir(folder, **options))
"""


def make_environment(root: Path, wheel: Path, release: Release) -> None:
    """Install the wheel and all that it needs below `root`, as pip is set up here."""
    home = root / PREFIX
    packages = home / "packages"
    pip = [sys.executable, "-m", "pip", "--python", PYTHON, "install", "--quiet", "--no-compile"]
    options = [
        "--disable-pip-version-check",
        "--root-user-action=ignore",
        "--target",
        str(packages),
    ]
    wanted = ["--constraint", str(CHECKOUT / "constraints.txt"), f"{wheel}[{EXTRAS}]"]
    subprocess.run([*pip, *options, *wanted], check=True)
    forget_origins(packages)
    for command in COMMANDS:
        add_command(root, command)
    shutil.rmtree(packages / "bin")
    (home / "bin/python3").symlink_to(f"../../../{PYTHON.removeprefix('/usr/')}")
    settings = f"home = {Path(PYTHON).parent}\ninclude-system-site-packages = false\n"
    write(home / "pyvenv.cfg", f"{settings}version = {release.python_text}\n")
    site = home / f"lib/python{release.python_text}/site-packages"
    write(site / "reversi.pth", f"/{PREFIX}/packages\n")


def forget_origins(packages: Path) -> None:
    """Remove what pip notes of where it had the wheel from: a path of the machine that builds."""
    for file in packages.glob("*.dist-info/direct_url.json"):
        file.unlink()
        record = file.with_name("RECORD")
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        write(record, "".join(line for line in lines if f"{file.name}," not in line))


def add_command(root: Path, name: str) -> None:
    """Let the private interpreter run the command.

    -I: no variable of the caller, such as PYTHONPATH, puts other code before ours.
    """
    home = root / PREFIX
    _, _, text = (home / "packages/bin" / name).read_text(encoding="utf-8").partition("\n")
    write(home / "bin" / name, f"#!/{PREFIX}/bin/python3 -I\n{text}", mode=0o755)
    link = root / "usr/bin" / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"../{PREFIX.removeprefix('usr/')}/bin/{name}")


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file, and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def compile_packages(root: Path) -> None:
    """Compile the packages now, so that an upgrade replaces source and bytecode together.

    In postinst it would take seconds, in which Python could use bytecode of the old release: it
    compares only the size and the time of the source.
    """
    subprocess.run(
        [PYTHON, "-I", "-c", COMPILE, root / PREFIX / "packages", root],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
