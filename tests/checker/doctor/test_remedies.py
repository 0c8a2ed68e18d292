"""The commands that `doctor` prints."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.daemon.startup import prepare_folders
from checker.doctor.check_records import check_state_file
from checker.doctor.examine import examine
from checker.doctor.facts import (
    Facts,
    SshdFacts,
    TakenPort,
)
from checker.state.store import open_store
from tests.checker.doctor.gateways import TIGHT, WELL, changed, the


def home(changes: Mapping[str, object]) -> Facts:
    """A home under a path with a space, where `up` made sshd listen on port 2222 of ::1."""
    asked = {**TIGHT, "listenaddress": "[::1]:2222", "strictmodes": "no"}
    there = {
        "layout": home_layout(Path("/srv/a b")),
        "daemon.has_unit": False,
        "daemon.is_enabled": None,
        "sshd": SshdFacts(effective=asked),
    }
    return changed(WELL, {**there, **changes})


UP = "reversi-checker --home '/srv/a b' up --listen ::1 --ssh-port 2222"
AGAIN = f"kill 7; tail --pid=7 -f /dev/null; {UP}"


@pytest.mark.parametrize(
    ("name", "facts", "mend"),
    [
        pytest.param("daemon", home({"daemon.pid": None}), UP, id="no daemon"),
        pytest.param(
            "daemon",
            home({"daemon.pid": None, "sshd": None}),
            "reversi-checker --home '/srv/a b' serve",
            id="no sshd",
        ),
        pytest.param("daemon", home({"daemon.swept_s_ago": 90.0}), AGAIN, id="late"),
        pytest.param("key file", home({"keys.file": None, "daemon.pid": None}), UP, id="no keys"),
        pytest.param(
            "key file",
            home({"keys.lag": True}),
            "reversi-checker --home '/srv/a b' log --limit 5",
            id="lag",
        ),
        pytest.param(
            "key file", home({"keys.loose": Path("/srv/a b")}), "chmod go-w '/srv/a b'", id="loose"
        ),
        pytest.param(
            "state file",
            home({"state.trouble": "damaged"}),
            f"{AGAIN}    # the daemon then moves the file aside",
            id="state",
        ),
        pytest.param(
            "ports",
            home({"ports.taken": (TakenPort(port=9, node="x", uid=5, free=20000),)}),
            "reversi-checker --home '/srv/a b' node move x 9 20000    # or stop the program that"
            " this shows: ss -ltnp 'sport = :9'",
            id="a",
        ),
        pytest.param(
            "reserved ports",
            home({"ports.unreserved": (50000, 50001), "ports.reserved": frozenset({8080})}),
            "sudo sysctl -w net.ipv4.ip_local_reserved_ports=8080,50000-50001"
            "    # while one uses a node's port, the node's -R fails",
            id="reserved",
        ),
    ],
)
def test_the_fix_for_a_home_names_that_home(name: str, facts: Facts, mend: str) -> None:
    assert the(facts, name).mend == mend


def test_the_printed_command_moves_the_state_file_of_a_newer_release_aside(
    tmp_path: Path,
) -> None:
    layout = home_layout(tmp_path / "a home")
    prepare_folders(layout, os.geteuid())
    with closing(open_store(layout.state)):
        pass
    with closing(sqlite3.connect(layout.state)) as db:
        db.execute("PRAGMA user_version = 99")

    found = check_state_file(examine(layout))

    assert found.ok is False
    assert "written by a newer reversi" in found.sentence
    assert "permissions" not in found.sentence
    moves = found.mend.rpartition("; ")[0]
    subprocess.run(["sh", "-c", moves], check=True)
    assert (tmp_path / "a home" / "newer" / "state.db").exists()
    assert examine(layout).state.trouble is None
