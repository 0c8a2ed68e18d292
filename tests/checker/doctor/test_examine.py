"""The facts that `doctor` collects about a home; examine_sshd.py runs in tests/system."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.config.layout import home_layout
from checker.daemon.startup import prepare_folders
from checker.doctor.examine import examine
from checker.model import HOSTKEY
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add, change
from checker.registry.lock import locked
from checker.state.store import open_store
from tests.strategies import OFFICE, node, public_key


def test_doctor_checks_a_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = home_layout(tmp_path)
    prepare_folders(layout, os.geteuid())
    with locked(layout):
        add(layout, node(), gate_command(layout))
    open_store(layout.state).close()

    code = run(["--home", str(tmp_path), "doctor", "--json"])

    document = json.loads(capsys.readouterr().out)
    by_name = {check["name"]: check["ok"] for check in document["checks"]}
    assert code == ExitCode.NOT_UP
    assert (document["schema"], document["ok"]) == (1, False)
    assert {name for name, ok in by_name.items() if ok is False} - {"clock", "disk"} == {"daemon"}
    assert run(["--home", str(tmp_path), "doctor"]) == ExitCode.NOT_UP
    assert "WRONG  daemon" in capsys.readouterr().out


def test_a_damaged_home_is_examined(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    prepare_folders(layout, os.geteuid())
    layout.state.write_bytes(b"no database" * 100)
    (layout.nodes / "bad.toml").write_text("bad")
    layout.authorized_keys.write_text(f"restrict,x ssh-ed25519 AAAA reversi:gone{chr(10)}")

    seen = examine(layout)

    assert seen.state.trouble
    assert seen.registry.problems
    assert seen.keys.lag
    layout.config.write_text("nonsense = 1")
    assert "unknown key 'nonsense'" in examine(layout).trouble


def test_a_state_file_of_another_program_is_trouble(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    with sqlite3.connect(layout.state) as db:
        db.execute("CREATE TABLE x (y)")
        db.execute("PRAGMA user_version = 99")
    db.close()

    assert examine(layout).state.trouble


def test_a_node_with_two_keys_for_a_month_is_overdue(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    with locked(layout):
        add(layout, replace(node(), next_key=public_key(2)), gate_command(layout))
    assert examine(layout).registry.overdue == ()
    (layout.nodes / "office.next").write_text(f'key = "{public_key(2)}"\nkey_at = 1\n')

    assert [words for _, words in examine(layout).registry.overdue] == ["node rekey office --now"]


def test_a_node_that_expects_its_host_key_without_a_pinned_one_is_found(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    (forward,) = node().forwards
    asked = replace(forward, expect=HOSTKEY)
    with locked(layout):
        add(layout, replace(node(), forwards=(asked,)), gate_command(layout))

    assert examine(layout).registry.unpinned == ("office",)

    with locked(layout):
        pinned = replace(asked, host_key=public_key(7))
        change(layout, OFFICE, replace(node(), forwards=(pinned,)), gate_command(layout))

    assert examine(layout).registry.unpinned == ()
