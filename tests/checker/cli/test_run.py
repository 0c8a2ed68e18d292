"""The verbs `up` and `serve`; tests/checker/test_output.py has what they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from tests.checker.cli.homes import ERROR, Run


def test_up_needs_a_home(
    checker: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    installed = tmp_path / "reversi.toml"
    installed.touch()
    monkeypatch.setattr(
        "checker.config.layout.SYSTEM",
        Layout(
            **{
                name: getattr(home_layout(tmp_path), name)
                for name in Layout.__slots__
                if name != "home"
            },
            home=None,
        ),
    )

    assert run(["up"]) == ExitCode.USAGE
    assert (
        capsys.readouterr().err
        == f"{ERROR}up needs a home of its own: give --home DIR; an installed gateway"
        " already has an sshd\n"
    )
