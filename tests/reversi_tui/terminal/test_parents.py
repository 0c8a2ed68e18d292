"""Whether a terminal came over the network, by the parents of the process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from reversi_tui.terminal.environment import wants_mouse
from reversi_tui.terminal.parents import Parent, came_over_network, parents

SUDO, SHELL = Parent(name="sudo"), Parent(name="bash", environ=b"HOME=/root\0TERM=xterm\0")


@pytest.mark.parametrize(
    ("chain", "is_so"),
    [
        pytest.param((), False, id="nobody"),
        pytest.param((SUDO, SHELL, Parent(name="login")), False, id="at the machine"),
        pytest.param((SUDO, SHELL, Parent(name="sshd")), True, id="sshd"),
        pytest.param((SUDO, SHELL, Parent(name="sshd-session")), True, id="sshd from 9.8 on"),
        pytest.param((SUDO, SHELL, Parent(name="dropbear")), True, id="dropbear"),
        pytest.param(
            (
                SUDO,
                Parent(name="bash", environ=b"SSH_CONNECTION=192.0.2.1 5 192.0.2.2 22\0A=b"),
                Parent(name="tmux: server"),
            ),
            True,
            id="a shell in tmux",
        ),
        pytest.param(
            (SUDO, Parent(name="bash", environ=b"SSH_CONNECTION=\0")), False, id="an empty value"
        ),
        pytest.param(
            (Parent(name="bash", environ=b"X=SSH_CONNECTION=1\0"),), False, id="another variable"
        ),
    ],
)
def test_a_server_or_a_shell_that_knows_of_one_shows_that_a_terminal_is_remote(
    chain: tuple[Parent, ...], is_so: bool
) -> None:
    assert came_over_network(chain) is is_so


def test_the_nearest_parent_comes_first_and_its_environment_can_be_read() -> None:
    script = (
        "from reversi_tui.terminal.parents import parents\n"
        "first = next(parents()); print(b'MARK=here' in first.environ.split(bytes(1)))"
    )
    shell = ["/bin/sh", "-c", '"$0" -c "$1"; :', sys.executable, script]

    said = subprocess.run(
        shell, env={**os.environ, "MARK": "here"}, capture_output=True, text=True, check=True
    ).stdout

    assert said == "True\n"
    assert all(parent.name for parent in parents())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's environment may be one of sudo's")
def test_without_the_variable_the_shell_before_sudo_is_asked() -> None:
    script = (
        "import os; from reversi_tui.terminal.environment import wants_mouse\n"
        "print(wants_mouse(os.environ))"
    )
    shell = ["/bin/sh", "-c", 'env -u SSH_CONNECTION "$0" -c "$1"; :', sys.executable, script]
    environ = {**os.environ, "TERM": "xterm", "SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22"}

    said = subprocess.run(shell, env=environ, capture_output=True, text=True, check=True).stdout

    assert said == "False\n"


def test_an_empty_variable_says_that_the_terminal_is_local() -> None:
    assert wants_mouse({"TERM": "xterm", "SSH_CONNECTION": ""})
