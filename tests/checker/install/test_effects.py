"""Single changes to the machine, and how they fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.toml_file import ConfigError
from checker.install.effects import (
    InstallFailed,
    make_folder,
    remove,
    run_step,
)
from checker.install.refusals import Refused
from checker.install.steps import Command, Folder
from checker.model import CheckerError
from checker.sshd.program import SshdSilent


def test_a_command_that_fails_stops_init_unless_it_need_not_succeed() -> None:
    said: list[str] = []

    with pytest.raises(
        InstallFailed, match=r"^false failed: exit status 1; fix that, and run this again"
    ):
        run_step(Command(words=("false",)), said.append)
    with pytest.raises(InstallFailed, match="no-such-program"):
        run_step(Command(words=("no-such-program",)), said.append)
    run_step(Command(words=("false",), must=False), said.append)
    run_step(Command(words=("true",)), said.append)

    assert said == ["tried, and failed: false (exit status 1)", "ran: true"]


def test_what_cannot_be_made_or_removed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(InstallFailed, match="cannot be made, or get its owner or mode"):
        make_folder(Folder(path=tmp_path / "file" / "x"))
    with pytest.raises(InstallFailed, match="cannot be made, or get its owner or mode"):
        make_folder(Folder(path=tmp_path / "x", owner="no-such-user"))
    with pytest.raises(InstallFailed, match="cannot be removed"):
        remove(tmp_path / "file" / "x")


def test_these_errors_are_the_checkers_own() -> None:
    assert all(
        issubclass(error, CheckerError)
        for error in (Refused, InstallFailed, SshdSilent, ConfigError)
    )
