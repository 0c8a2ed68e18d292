"""A node's request is answered in the gate's own process when there is no daemon."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from checker import __version__
from checker.config.layout import Layout
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.wire import PROTOCOL
from tests.checker.daemon.running import COMMAND, WITHIN_S
from tests.strategies import free_port, node


@pytest.mark.parametrize("module", ["checker.daemon.alone", "checker.alone"])
@pytest.mark.parametrize(
    ("name", "command", "code", "answer", "complaint"),
    [
        pytest.param("office", "version", 0, f"{PROTOCOL} {__version__}", "", id="version"),
        pytest.param("office", "check", 0, "1", "", id="down"),
        pytest.param("office", "dance", 64, "0", "say one of: check", id="malformed"),
        pytest.param("+field", "version", 75, "0", "ask again later", id="an enrolment's key"),
        pytest.param("attic", "check", 77, "0", "node attic is not registered", id="unknown"),
    ],
)
def test_a_request_is_answered_without_a_daemon(
    layout: Layout, module: str, name: str, command: str, code: int, answer: str, complaint: str
) -> None:
    with locked(layout):
        add(layout, node(ports=(free_port(),)), COMMAND)

    done = subprocess.run(
        [sys.executable, "-m", module, "--home", str(layout.home), "--node", name],
        env={**os.environ, "SSH_ORIGINAL_COMMAND": command, "SSH_CONNECTION": ""},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )

    assert (done.returncode, done.stdout) == (code, f"{answer}\n"), done.stderr
    assert complaint in done.stderr
    assert bool(done.stderr) is bool(complaint)
