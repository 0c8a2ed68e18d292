"""/etc/ssh/sshrc: the guard ends it for the tunnel user, and only for that user."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path

import pytest

from checker.sshd.sshrc import guard, guard_sshrc, spares, sshrc_sentence
from tests.programs import require

GREETING = "echo welcome\n"


def run(path: Path) -> str:
    return subprocess.run(
        ["sh", str(path)], capture_output=True, text=True, check=True, timeout=200
    ).stdout


@pytest.mark.parametrize(
    ("user", "said"),
    [
        pytest.param(getpass.getuser(), "", id="the tunnel user"),
        pytest.param("nobody-else", "welcome\n", id="another user"),
        pytest.param("it's", "welcome\n", id="a name with a quote"),
    ],
)
def test_the_command_puts_the_guard_first(tmp_path: Path, user: str, said: str) -> None:
    require("sed")
    path = tmp_path / "an sshrc"
    path.write_text(GREETING)
    command = guard_sshrc(path, user).removeprefix("sudo ")

    subprocess.run(["sh", "-c", command], check=True, timeout=200)

    assert path.read_text() == f"{guard(user)}\n{GREETING}"
    assert spares(path.read_text(), user)
    assert run(path) == said


def test_a_file_that_prints_spares_nobody() -> None:
    assert not spares(GREETING, "reversi")
    assert spares("# nothing\n", "reversi")


def test_the_sentence_names_the_file() -> None:
    assert str(Path("/etc/ssh/sshrc")) in sshrc_sentence(Path("/etc/ssh/sshrc"))
