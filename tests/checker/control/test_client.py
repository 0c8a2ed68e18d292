"""Asking a daemon that answers, one that does not, and one that refuses; logging without one."""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.control.client import (
    Control,
    DaemonAbsent,
    NotAllowed,
    RunningDaemon,
    ask,
    events_of,
    write_down,
)
from checker.linux.unix_socket import reachable
from checker.model import (
    Aim,
    EventKind,
    NodeName,
    Outcome,
    Port,
    ProcessId,
    Verb,
    aim_from,
    aim_json,
    outcome_from,
    outcome_json,
)
from checker.state.store import open_reader

OFFICE = NodeName("office")


def answering(layout: Layout, answer: bytes) -> threading.Thread:
    """A daemon that gives one answer, whatever it is asked."""
    layout.socket.parent.mkdir(parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    with reachable(layout.socket) as address:
        listener.bind(address)
    listener.listen(1)

    def serve() -> None:
        with listener:
            peer, _ = listener.accept()
            with peer:
                while peer.recv(65536):
                    pass
                peer.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize("folder", ["short", "long/" + "x" * 120])
def test_a_daemon_is_reached_at_a_path_of_any_length(tmp_path: Path, folder: str) -> None:
    layout = home_layout(tmp_path / folder)
    daemon = answering(layout, json.dumps({"schema": 1, "pid": 7}).encode())

    pid = Control(layout=layout).daemon_pid()

    daemon.join()
    assert pid == 7


@pytest.mark.parametrize(
    ("said", "version"), [({"version": "0.2.0"}, "0.2.0"), ({}, "")], ids=["says it", "0.1.0"]
)
def test_a_daemon_says_which_release_it_runs(
    tmp_path: Path, said: dict[str, str], version: str
) -> None:
    layout = home_layout(tmp_path / "home")
    thread = answering(layout, json.dumps({"schema": 1, "pid": 7, **said}).encode())

    daemon = Control(layout=layout).daemon()

    thread.join()
    assert daemon == RunningDaemon(pid=7, version=version)


def test_without_a_daemon_there_is_no_pid(tmp_path: Path) -> None:
    assert Control(layout=home_layout(tmp_path)).daemon_pid() is None


def test_a_daemon_that_says_nothing_counts_as_absent(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    daemon = answering(layout, b"")

    with pytest.raises(
        DaemonAbsent, match=r"no daemon answers at .*; start it with: reversi-checker serve"
    ):
        ask(layout, {"verb": "ping"})

    daemon.join()


def test_a_refusal_is_reported_in_the_daemons_words(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    daemon = answering(layout, b'{"schema": 1, "error": "uid 7 may not kill"}')

    with pytest.raises(NotAllowed, match="uid 7 may not kill"):
        Control(layout=layout).act(Verb.KILL, [Aim(node=OFFICE, port=Port(20010))])

    daemon.join()


def test_a_read_only_console_refuses_to_act(tmp_path: Path) -> None:
    with pytest.raises(NotAllowed, match="this console is read-only: reset is not done"):
        Control(layout=home_layout(tmp_path), read_only=True).act(
            Verb.RESET, [Aim(node=OFFICE, port=Port(20010))]
        )


def test_an_event_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    layout.state.mkdir(parents=True)

    why = Control(layout=layout).record(EventKind.SHELL, "ssh office", node=OFFICE, port=None)

    assert str(layout.state) in why


@pytest.mark.parametrize("session", [None, ProcessId(pid=7, start_ticks=9)])
def test_aims_and_outcomes_survive_json(session: ProcessId | None) -> None:
    aim = Aim(node=OFFICE, port=Port(20010), session=session)
    outcome = Outcome(node=OFFICE, port=Port(20010), done=True, sentence="done")

    assert aim_from(json.loads(json.dumps(aim_json(aim)))) == aim
    assert outcome_from(json.loads(json.dumps(outcome_json(outcome)))) == outcome


def test_a_new_state_file_belongs_to_the_owner_of_its_directory(tmp_path: Path) -> None:
    daemon = 65534 if os.geteuid() == 0 else os.geteuid()
    folder = tmp_path / "var"
    folder.mkdir()
    os.chown(folder, daemon, -1)
    apart = replace(home_layout(tmp_path), state=folder / "state.db")

    assert write_down(apart, events_of([(OFFICE, None, "disabled")], "alice")) == ""

    assert {path.stat().st_uid for path in folder.iterdir()} == {daemon}
    with closing(open_reader(apart.state)) as state:
        assert [event.text for event in state.events()] == ["disabled"]
