"""Nodes added, disabled, enabled and built for, against a real registry."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.main import run as checker
from checker.config.layout import Layout, home_layout
from checker.control.client import operator_name
from checker.model import Event, EventKind, KeyType, NodeName, parse_forward
from checker.registry.changes import add
from checker.registry.key_lines import GateCommand
from checker.registry.labels import Relabelling
from checker.registry.lock import locked
from checker.registry.node_file import node_toml
from checker.registry.reading import read_registry
from checker.state.store import open_reader
from reversi_tui.actions.new_node import Asked, Field, NewNode
from reversi_tui.actions.node_changes import Changes
from tests.host_keys import put_rsa_host_key
from tests.programs import require
from tests.strategies import free_port, node

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")
OFFICE = NodeName("office")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A home with the nodes `office` and `attic`."""
    made = home_layout(tmp_path / "home")
    with locked(made):
        add(made, node(ports=(free_port(),)), COMMAND)
        add(made, node("attic", 2, (free_port(),)), COMMAND)
    made.config.write_text('gateway = ["gw.example:2222"]\nports = "20000-20005"\n')
    put_rsa_host_key(made)
    return made


@pytest.fixture
def changes(layout: Layout) -> Changes:
    return Changes(layout=layout)


def told(layout: Layout) -> list[Event]:
    with closing(open_reader(layout.state)) as state:
        return [event for event in state.events() if event.kind is EventKind.REGISTRY]


def new(output: Path, *forwards: str, name: str = "shed") -> NewNode:
    requests = tuple(map(parse_forward, forwards or ("127.0.0.1:22,banner:SSH-2.0",)))
    return NewNode(name=NodeName(name), requests=requests, output=output)


def test_nodes_are_disabled_and_enabled_in_the_operators_name(
    changes: Changes, layout: Layout
) -> None:
    off = changes.disable([OFFICE, NodeName("nosuch"), NodeName("attic")])

    assert [(change.node, change.done) for change in off] == [
        ("office", True),
        ("nosuch", False),
        ("attic", True),
    ]
    assert off[0].sentence.startswith("disabled; nobody listens on port ")
    assert "there is no node 'nosuch'" in off[1].sentence
    assert layout.authorized_keys.read_bytes() == b""
    assert changes.disable([OFFICE])[0].sentence == "already disabled"

    (on,) = changes.enable([OFFICE])
    assert (on.done, on.sentence) == (True, "enabled")
    assert layout.authorized_keys.read_text().count("reversi:office") == 1
    assert [(event.node, event.text) for event in told(layout)] == [
        ("office", "disabled"),
        ("attic", "disabled"),
        ("office", "enabled"),
    ]
    assert {event.actor for event in told(layout)} == {operator_name()}


def test_console_and_command_line_leave_the_same_behind(
    changes: Changes, layout: Layout, tmp_path: Path
) -> None:
    other = home_layout(tmp_path / "other")
    with locked(other):
        add(other, read_registry(layout.nodes).node("office"), COMMAND)

    changes.disable([OFFICE])
    assert checker(["--home", str(other.home), "node", "disable", "office"]) == 0

    assert (layout.nodes / "office.toml").read_bytes() == (other.nodes / "office.toml").read_bytes()
    ours, theirs = told(layout), told(other)
    assert [(e.text, e.node, e.actor, e.kind) for e in ours] == [
        (e.text, e.node, e.actor, e.kind) for e in theirs
    ]


def test_a_read_only_console_changes_nothing(layout: Layout, tmp_path: Path) -> None:
    changes = Changes(layout=layout, read_only=True)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    outcomes = [
        *changes.disable([OFFICE]),
        *changes.enable([OFFICE]),
        changes.add(new(tmp_path / "shed.toml")),
        changes.build(OFFICE, tmp_path / "x.sh"),
    ]

    assert {(outcome.done, outcome.sentence) for outcome in outcomes} == {
        (False, "this console is read-only: nothing is changed")
    }
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


AS_NOBODY = """
import encodings.ascii, os, sys
from pathlib import Path
from checker.config.layout import home_layout
from checker.model import NodeName
from reversi_tui.actions.node_changes import Changes
from reversi_tui.actions.new_node import NewNode
from checker.model import parse_forward
changes = Changes(layout=home_layout(Path(sys.argv[1])))
changes.enable([NodeName("office")])  # all that is imported late, while we may read it
os.setuid(65534)
print(changes.disable([NodeName("office")])[0].sentence)
print(changes.add(NewNode(name=NodeName("shed"), requests=(parse_forward("[::1]:22,open"),), output=Path("/nowhere/shed.sh"))).sentence)
"""  # noqa: E501 - one line of what runs


def test_who_may_not_is_told_what_root_would_run(layout: Layout, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user takes root")
    for folder in (
        *(parent for parent in layout.nodes.parents if parent.is_relative_to(tmp_path)),
        layout.nodes,
    ):
        folder.chmod(0o755)
    for above in tmp_path.parents[:2]:
        above.chmod(0o755)

    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(layout.home)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.stderr == ""
    disabled, added = done.stdout.splitlines()
    assert (
        f"; as root, run: sudo reversi-checker --home {layout.home} node disable office" in disabled
    )
    assert added.endswith(
        f"; as root, run: sudo reversi-checker --home {layout.home} node add shed --forward"
        " '[::1]:22,open'"
    )
    assert read_registry(layout.nodes).node("office").enabled


def test_a_new_node_comes_with_its_clients_file(
    changes: Changes, layout: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen")
    output = tmp_path / "out" / "shed.toml"

    added = changes.add(new(output, "127.0.0.1:22,banner:SSH-2.0", "30001=nas:80,http"))

    assert (added.done, added.sentence) == (
        True,
        "added; port 20000 -> 127.0.0.1:22; port 30001 -> nas:80",
    )
    assert added.files == (output.with_name("shed.toml.key"), output)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in added.files)
    assert 'gateway = [\n    "gw.example:2222",\n]' in output.read_text()
    assert [forward.port for forward in read_registry(layout.nodes).node("shed").forwards] == [
        20000,
        30001,
    ]
    assert [event.node for event in told(layout)] == ["shed", "shed"]


def test_a_new_node_comes_with_its_bundle_which_can_be_built_again(
    changes: Changes, layout: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen", "sh")
    output = tmp_path / "shed.sh"

    added = changes.add(replace(new(output), key_type=KeyType.RSA))

    assert (added.done, added.files) == (True, (tmp_path / "shed.key", output))
    assert read_registry(layout.nodes).node("shed").public_key.startswith("ssh-rsa ")
    assert subprocess.run(["sh", "-n", str(output)], check=False, timeout=200).returncode == 0
    first = output.read_bytes()
    again = changes.build(NodeName("shed"), output)
    assert (again.done, again.files) == (True, (output,))
    assert output.read_bytes() == first


def test_what_cannot_be_added_leaves_nothing_behind(
    changes: Changes, layout: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen")
    taken = read_registry(layout.nodes).node("attic").forwards[0].port
    (tmp_path / "there.toml").write_text("in use")
    before = (read_registry(layout.nodes), layout.authorized_keys.read_bytes())

    outcomes = [
        changes.add(new(tmp_path / "shed.toml", f"{taken}=x:1")),
        changes.add(new(tmp_path / "shed.toml", name="office")),
        changes.add(new(tmp_path / "there.toml")),
    ]

    assert [outcome.done for outcome in outcomes] == [False] * 3
    expected = (
        f"port {taken} belongs to node attic",
        "node office is registered already",
        "exists already",
    )
    for outcome, says in zip(outcomes, expected, strict=True):
        assert says in outcome.sentence
    assert (read_registry(layout.nodes), layout.authorized_keys.read_bytes()) == before
    assert not list(tmp_path.glob("shed*"))


def test_a_bundle_without_its_key_says_what_to_do(changes: Changes, tmp_path: Path) -> None:
    built = changes.build(OFFICE, tmp_path / "office.sh")

    assert not built.done
    assert built.lacks_key
    assert f"{tmp_path / 'office.key'}" in built.sentence
    assert "reversi-client build office --home" in built.sentence
    assert "--key device" in built.sentence
    assert not (tmp_path / "office.sh").exists()


def test_a_node_whose_key_is_nowhere_gets_a_new_one_beside_it(
    changes: Changes, layout: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen", "sh")
    before = read_registry(layout.nodes).node(OFFICE)

    rekeyed = changes.rekey(OFFICE, tmp_path / "office.sh")

    after = read_registry(layout.nodes).node(OFFICE)
    assert rekeyed.done, rekeyed.sentence
    assert (after.public_key, after.next_key is None) == (before.public_key, False)
    assert tmp_path / "office.sh" in rekeyed.files
    again = changes.build(OFFICE, tmp_path / "again.sh")
    assert again.done, again.sentence


def test_a_device_may_make_its_own_key(changes: Changes, tmp_path: Path) -> None:
    built = changes.build(OFFICE, tmp_path / "office.sh", makes_key=True)

    assert built.done, built.sentence
    assert "KEY=device" in (tmp_path / "office.sh").read_text().replace("'", "")


def test_an_unknown_gateway_is_told_before_a_bundles_node_is_added(
    changes: Changes, layout: Layout, tmp_path: Path
) -> None:
    layout.config.unlink()

    added = changes.add(new(tmp_path / "shed.sh"))

    assert not added.done
    assert "the gateway's address is unknown" in added.sentence
    assert "shed" not in read_registry(layout.nodes).nodes


def test_the_consoles_check_knows_the_registry(changes: Changes, layout: Layout) -> None:
    check = changes.form_check()

    assert Field.NAME in check(Asked(name="office")).errors
    assert [forward.port for forward in check(Asked(forwards="x:1")).forwards] == [20000]
    (layout.nodes / "other.toml").write_bytes(node_toml(node("other", 9, (20000,))))
    assert [forward.port for forward in changes.form_check()(Asked(forwards="x:1")).forwards] == [
        20001
    ]


def test_tags_are_given_to_several_nodes_and_one_that_fails_stops_no_other(
    changes: Changes, layout: Layout
) -> None:
    (layout.nodes / "attic.toml").write_text("nonsense")
    names = [OFFICE, NodeName("attic")]

    failed, done = changes.relabel(names, Relabelling(add=("site-a",), note="by the door"))

    assert (failed.node, failed.done) == ("attic", False)
    assert (done.node, done.done, done.sentence) == (
        "office",
        True,
        "tag site-a added; note: by the door",
    )
    assert read_registry(layout.nodes).nodes[OFFICE].tags == ("site-a",)
    again, *_ = changes.relabel([OFFICE], Relabelling(add=("site-a",)))
    assert (again.done, again.sentence) == (True, "nothing to change")
    refused, *_ = Changes(layout=layout, read_only=True).relabel([OFFICE], Relabelling(note=""))
    assert (refused.done, "read-only" in refused.sentence) == (False, True)
