"""The daemon follows the registry, and keeps the key file and the copy in line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.control.client import Control
from checker.model import (
    Aim,
    EventKind,
    Mute,
    MuteChange,
    NodeName,
    Port,
    Selector,
    Status,
    Verb,
)
from checker.registry.authorized_keys import keys_lag
from checker.registry.changes import add, change
from checker.registry.edits import renamed
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.registry.snapshot import copied_nodes
from checker.state.mutes import change_mutes, read_mutes
from checker.state.store import open_reader
from checker.wire import Asked
from tests.checker.daemon.running import COMMAND, WITHIN_S, events, send, wait_until
from tests.gate_message import gate_message
from tests.strategies import OFFICE, free_port, node, public_key

pytestmark = pytest.mark.usefixtures("no_blocked_loop")


def test_a_node_that_is_added_is_known_without_a_restart(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    (layout.nodes / "broken.toml").write_text("broken")
    with locked(layout):
        add(layout, node("b", 2, (free_port(),)), COMMAND)
    Control(layout=layout).reload()

    assert send(layout, gate_message(Asked(node="b", peer="", command="check"))) == b".\n0\n1\n\n"
    wait_until(lambda: any("broken.toml: not valid TOML" in text for text in events(layout)))


@pytest.mark.parametrize(
    "harm", [lambda path: path.unlink(), lambda path: path.write_text("")], ids=["gone", "emptied"]
)
def test_a_key_file_that_somebody_took_away_is_there_again(
    layout: Layout, daemon: subprocess.Popen[str], harm: Callable[[Path], object]
) -> None:
    wait_until(lambda: not keys_lag(layout))
    before = layout.authorized_keys.read_bytes()
    assert before

    harm(layout.authorized_keys)

    wait_until(
        lambda: layout.authorized_keys.exists() and layout.authorized_keys.read_bytes() == before
    )


def test_an_unknown_key_is_an_event_once(layout: Layout, daemon: subprocess.Popen[str]) -> None:
    with locked(layout):
        add(layout, node("b", 2, (free_port(),)), COMMAND)
    path = layout.nodes / "b.toml"

    path.write_text('shelves = ["attic"]\n' + path.read_text())
    wait_until(lambda: any("unknown key 'shelves'" in text for text in events(layout)))
    path.write_text("# touched\n" + path.read_text())
    path.with_name("broken.toml").write_text("x")
    wait_until(lambda: any("broken.toml" in text for text in events(layout)))

    assert sum("unknown key 'shelves'" in text for text in events(layout)) == 1


def test_a_node_that_is_renamed_while_the_daemon_runs_keeps_its_row_and_its_mute(
    layout: Layout, daemon: subprocess.Popen[str], own: Port
) -> None:
    Control(layout=layout).act(Verb.PROBE, [Aim(node=OFFICE, port=own)])
    mute = Mute(selector=Selector(node=OFFICE), until=4e9, why="roof", by="ada", at=1e9)
    change_mutes(layout.mutes, MuteChange(add=(mute,)))

    with locked(layout):
        change(layout, OFFICE, renamed(node(ports=(own,)), NodeName("lobby")), COMMAND)
    Control(layout=layout).changed([])

    with closing(open_reader(layout.state)) as reader:
        assert [(tunnel.node, tunnel.status) for tunnel in reader.tunnels()] == [
            ("lobby", Status.DOWN)
        ]
    assert (layout.run / "office").readlink() == Path("lobby"), (
        "beat loops of the old name read the new one's verdict"
    )
    assert (layout.run / "office").read_text() == (layout.run / "lobby").read_text()
    (mute,) = read_mutes(layout.mutes).mutes
    assert mute.selector.node == "lobby"


def test_a_request_over_a_new_key_does_not_remove_the_old_one(
    layout: Layout, daemon: subprocess.Popen[str], own: Port
) -> None:
    with locked(layout):
        change(layout, OFFICE, replace(node(ports=(own,)), next_key=public_key(2)), COMMAND)
    Control(layout=layout).reload()

    for command in ("version", "check", "claim first", "beat"):
        send(layout, gate_message(Asked(node="office", peer="", command=command, key="new")))

    assert public_key(1) in layout.authorized_keys.read_text()
    assert read_registry(layout.nodes).node("office").public_keys == (public_key(1), public_key(2))


def test_nodes_that_are_added_at_once_while_the_daemon_reloads_are_all_known(
    layout: Layout, daemon: subprocess.Popen[str], tmp_path: Path
) -> None:
    program = "import sys; from checker.cli.main import main; main(sys.argv[1:])"
    adding = []
    for number in range(2, 6):
        key = tmp_path / f"{number}.pub"
        key.write_text(public_key(number))
        words = [
            "node",
            "add",
            f"n{number}",
            "--forward",
            f"{free_port()}=x:1,open",
            "--public-key",
            str(key),
        ]
        command = [sys.executable, "-c", program, "--home", str(layout.home), *words]
        adding.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        )
    while any(process.poll() is None for process in adding):
        Control(layout=layout).reload()

    assert [process.communicate(timeout=WITHIN_S)[1] for process in adding] == [""] * 4
    for number in range(2, 6):
        assert (
            send(layout, gate_message(Asked(node=f"n{number}", peer="", command="check")))
            == b".\n0\n1\n\n"
        )
    assert layout.authorized_keys.read_text().count(" reversi:n") == 4
    with closing(open_reader(layout.state)) as reader:
        told = [event.node for event in reader.events() if event.kind is EventKind.REGISTRY]
    assert sorted(name for name in told if name) == ["n2", "n3", "n4", "n5"]


def test_a_registry_that_is_gone_is_not_an_empty_one(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    layout.nodes.rename(layout.nodes.with_name("moved"))
    layout.nodes.write_text("a file")
    Control(layout=layout).reload()

    assert (
        send(layout, gate_message(Asked(node="office", peer="", command="check"))) == b".\n0\n1\n\n"
    )


def test_the_daemon_keeps_a_copy_of_the_registry_that_follows_each_change(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    wait_until(lambda: copied_nodes(layout) is not None)

    path = layout.nodes / "office.toml"
    path.write_text(path.read_text() + "# a word by hand\n")
    assert copied_nodes(layout) is None

    wait_until(lambda: copied_nodes(layout) == dict(read_registry(layout.nodes).nodes))
    # as the home, which is closed to others
    assert (layout.run / "_registry").stat().st_mode & 0o777 == 0o600
