"""What the daemon answers at its socket: to gates, to operators, and to malformed messages."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from checker.config.layout import Layout
from checker.control.client import Control, operator_name
from checker.control.muting import change_mutes_through
from checker.model import (
    OPERATOR_KINDS,
    Aim,
    EventKind,
    Mute,
    MuteChange,
    Port,
    Selector,
    Verb,
)
from checker.registry.changes import change
from checker.registry.lock import locked
from checker.state.mutes import read_mutes
from checker.state.store import open_reader
from checker.wire import Asked
from tests.checker.daemon.running import COMMAND, Served, events, send, wait_until
from tests.gate_message import gate_message
from tests.strategies import OFFICE, node

pytestmark = pytest.mark.usefixtures("no_blocked_loop")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b"5",
        b'{"verb": "nosuch", "aims": [], "operator": "x"}',
        b'{"verb": "kill"}',
        b'{"verb": "kill", "aims": [5], "operator": "x"}',
        (
            b'{"verb": "kill", "aims": [{"node": "office", "port": "x", "pid": null}], "operator":'
            b' "x"}'
        ),
        b"\xff" * 100,
    ],
    ids=lambda message: message.decode("ascii", "replace")[:30] or "empty",
)
def test_a_malformed_message_is_answered_and_harms_nothing(served: Served, message: bytes) -> None:
    assert "a malformed request" in json.loads(send(served.layout, message))["error"]
    assert Control(layout=served.layout).daemon_pid() == served.process.pid


@pytest.mark.parametrize(
    ("name", "command", "answer"),
    [
        pytest.param("office", "reboot now", b"64\n0\n", id="malformed"),
        pytest.param("office", "check 1", b"77\n0\n", id="not its port"),
        pytest.param("office", "other OWN", b"77\n0\n", id="another's name"),
        pytest.param("nosuch", "check", b"77\n0\n", id="not registered"),
        pytest.param("office", "hold x", b"64\n\n", id="hold without sshd"),
        pytest.param("office", "check", b"0\n1\n\n", id="check"),
        pytest.param("office", "office OWN SSH-2.0", b"0\n1\n\n", id="the original's words"),
        pytest.param("office", "claim x", b"0\n0\n\n", id="claim"),
        pytest.param("office", "version", b"0\n1 ", id="version"),
    ],
)
def test_what_a_node_says_is_answered_in_one_line(
    served: Served, name: str, command: str, answer: bytes
) -> None:
    said = command.replace("OWN", str(served.port))

    heard = send(served.layout, gate_message(Asked(node=name, peer="", command=said)))

    assert heard.startswith(b".\n" + answer)
    assert heard.count(b"\n") == 4


def test_a_gates_message_without_its_four_fields_is_refused(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    assert send(layout, b"gate\0x").startswith(b".\n64\n0\n")


def test_a_refused_request_is_an_event(layout: Layout, daemon: subprocess.Popen[str]) -> None:
    send(layout, gate_message(Asked(node="office", peer="192.0.2.1 5", command="check 1")))

    wait_until(
        lambda: any("port 1 is not a port of node office" in text for text in events(layout))
    )


def test_what_was_changed_is_in_the_log_with_the_operators_name(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    assert Control(layout=layout).changed([(OFFICE, None, "its key was replaced")]) == ""

    with closing(open_reader(layout.state)) as reader:
        told = [event for event in reader.events(node=OFFICE) if event.kind is EventKind.REGISTRY]
    assert [(event.text, event.actor) for event in told] == [
        ("its key was replaced", operator_name())
    ]


@pytest.mark.parametrize("runs_daemon", [True, False])
def test_what_an_operator_runs_is_in_the_log_with_his_name(
    layout: Layout, request: pytest.FixtureRequest, runs_daemon: bool
) -> None:
    if runs_daemon:
        request.getfixturevalue("daemon")
    control = Control(layout=layout)

    for kind in (EventKind.SHELL, EventKind.COMMAND):
        text = f"ssh -- office\x1b{'x' * 500}"
        assert control.record(kind, text, node=OFFICE, port=Port(20010)) == ""

    with closing(open_reader(layout.state)) as reader:
        found = [event for event in reader.events(node=OFFICE) if event.kind in OPERATOR_KINDS]
    assert [(event.kind, event.actor, event.port) for event in found] == [
        (EventKind.SHELL, operator_name(), 20010),
        (EventKind.COMMAND, operator_name(), 20010),
    ]
    assert all(event.text.startswith("ssh -- office\\x1bxx") for event in found)
    assert all(len(event.text) <= 400 for event in found)


def test_operators_may_log_only_events_of_their_own_kinds(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    row: dict[str, Any] = {
        "at": 1.0,
        "kind": "kill",
        "text": "not so",
        "node": None,
        "port": None,
        "actor": "x",
    }

    assert json.loads(send(layout, json.dumps({"verb": "reload", "events": [row]}).encode())) == {
        "schema": 1
    }
    assert (
        "a malformed request"
        in json.loads(send(layout, json.dumps({"verb": "reload", "events": [{}]}).encode()))[
            "error"
        ]
    )

    assert "not so" not in events(layout)


def test_the_daemon_writes_mutes_and_logs_them(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    now = float(int(time.time()))
    one = Mute(selector=Selector(node=OFFICE), until=now + 600, why="roof", by="ada", at=now)

    assert change_mutes_through(layout, MuteChange(add=(one,))) == ""
    assert read_mutes(layout.mutes).mutes == (one,)
    assert change_mutes_through(layout, MuteChange(remove=(one.selector,))) == ""
    assert read_mutes(layout.mutes).mutes == ()

    with closing(open_reader(layout.state)) as reader:
        told = reader.events(node=OFFICE)
    assert [(event.kind, event.actor) for event in told if "muted" in event.text] == [
        (EventKind.MUTE, operator_name()),
        (EventKind.UNMUTE, operator_name()),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"add": [], "remove": 5},
        {"add": [{"node": "office"}], "remove": []},
        {"add": [], "remove": [{"node": "\x1b[31m"}]},
    ],
)
def test_a_malformed_mute_changes_nothing(
    layout: Layout, daemon: subprocess.Popen[str], body: dict[str, Any]
) -> None:
    message = json.dumps({"verb": "mute", "operator": "x", **body}).encode()

    assert "a malformed request" in json.loads(send(layout, message))["error"]
    assert not layout.mutes.exists()


def test_the_daemon_moves_a_broken_file_of_mutes_aside(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    layout.mutes.write_text("broken")
    one = Mute(selector=Selector(node=OFFICE), until=2e9, why="roof", by="ada", at=1e9)

    assert "the file was broken" in change_mutes_through(layout, MuteChange(add=(one,)))
    assert read_mutes(layout.mutes).mutes == (one,)


def test_a_disabled_node_is_refused(
    layout: Layout, daemon: subprocess.Popen[str], own: Port
) -> None:
    with locked(layout):
        change(layout, OFFICE, replace(node(ports=(own,)), enabled=False), COMMAND)
    Control(layout=layout).reload()

    assert send(layout, gate_message(Asked(node="office", peer="", command="check"))).startswith(
        b".\n77\n0\n"
    )
    (probed,) = Control(layout=layout).act(Verb.PROBE, [Aim(node=OFFICE, port=own)])
    assert probed.sentence == "unknown: disabled"
