"""The distribution's new name: pip installs it over 0.1.0, and goes back to 0.1.0."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from checker import __version__
from checker.install.old_metadata import old_metadata
from tests.wheels import CHECKOUT, COMMANDS, Environment, make_environment

RELEASED = CHECKOUT / "tests/data/released/checker-0.1.0.tar.xz"
RENAME = re.compile(r"^(?:for notes in|sudo sed -i 's/\^reversi_ssh).*", re.MULTILINE)
"""The commands of docs/operating.md that give the distribution its old name."""


@pytest.fixture(scope="module")
def old_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of 0.1.0, with only the gateway's package."""
    made = tmp_path_factory.mktemp("old") / "reversi-0.1.0-py3-none-any.whl"
    notes = {
        "METADATA": "Metadata-Version: 2.1\nName: reversi\nVersion: 0.1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": "[console_scripts]\nreversi-checker = checker.cli:main\n",
    }
    with zipfile.ZipFile(made, "w") as wheel, tarfile.open(RELEASED) as archive:
        files = [member for member in archive if member.isfile()]
        for member in files:
            content = archive.extractfile(member)
            assert content is not None
            wheel.writestr(member.name, content.read())
        names = [f"reversi-0.1.0.dist-info/{name}" for name in (*notes, "RECORD")]
        for name, text in notes.items():
            wheel.writestr(f"reversi-0.1.0.dist-info/{name}", text)
        listed = [*(member.name for member in files), *names]
        wheel.writestr(names[-1], "".join(f"{name},,\n" for name in listed))
    return made


def install(environment: Environment, wheel: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(environment.python), "install"]
    options = ["-q", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([*pip, *options, str(wheel)], check=True, timeout=200)


def metadata(environment: Environment) -> list[str]:
    return sorted(path.name for path in environment.site.glob("reversi*.dist-info"))


def test_the_new_name_is_installed_over_0_1_0_and_rolled_back(
    old_wheel: Path, built_wheel: Path, tmp_path: Path
) -> None:
    environment = make_environment(tmp_path / "venv")
    install(environment, old_wheel)
    assert environment.run("reversi-checker", "--version").stdout == "reversi-checker 0.1.0\n"

    install(environment, built_wheel)

    for command in COMMANDS:
        done = environment.run(command, "--version")
        assert done.stdout == f"{command} {__version__}\n", done.stderr
    (old,) = old_metadata(environment.site)
    shutil.rmtree(old)  # as `init` does
    assert metadata(environment) == [f"reversi_ssh-{__version__}.dist-info"]

    page = (CHECKOUT / "docs/operating.md").read_text(encoding="utf-8")
    renames = [line.replace("sudo ", "") for line in RENAME.findall(page)]
    assert len(renames) == 2
    for line in renames:
        here = line.replace("/opt/reversi", shlex.quote(str(environment.folder)))
        subprocess.run(["sh", "-c", here], check=True)
    install(environment, old_wheel)

    assert metadata(environment) == ["reversi-0.1.0.dist-info"]
    assert not (environment.site / "checker" / "cli").exists()
    assert environment.run("reversi-checker", "--version").stdout == "reversi-checker 0.1.0\n"
