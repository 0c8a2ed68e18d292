"""A home with nodes, and a program in place of HAProxy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from checker.haproxy import program as proxy_module
from checker.registry.changes import add
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from tests.strategies import node

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A home with `mail` (two forwards) and `shop` (one), whose HAProxy is never reloaded."""
    made = home_layout(tmp_path / "home")
    with locked(made):
        add(made, node("mail", 1, ports=(20010, 20011)), COMMAND)
        add(made, node("shop", 2, ports=(20012,)), COMMAND)
    made.config.write_text('publish_on = ["127.0.0.1"]\n', encoding="utf-8")
    return made


@pytest.fixture
def checker(layout: Layout, capsys: pytest.CaptureFixture[str]) -> Run:
    """One command on the test's home: exit status, stdout, stderr."""

    def one(*words: str) -> tuple[int, str, str]:
        code = int(run(["--home", str(layout.home), *words]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return one


@pytest.fixture
def haproxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A program in place of HAProxy; call it with what it does, in sh."""
    monkeypatch.setattr(proxy_module, "PLACES", str(tmp_path))

    def does(body: str) -> None:
        program = tmp_path / "haproxy"
        program.write_text(f"#!/bin/sh\n{body}\n", encoding="ascii")
        program.chmod(0o755)

    does("exit 0")
    return does
