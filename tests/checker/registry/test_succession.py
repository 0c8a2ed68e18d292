"""When a new key or port replaces the old one, and what a row says until then."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.linux.processes import read_process
from checker.model import Forward, Port, ProcessId
from checker.registry.authorized_keys import gate_command
from checker.registry.edits import (
    describe,
    moved,
    revoked,
    with_forward,
    with_rights_since,
    without_old_port,
)
from checker.registry.reading import node_path, read_registry
from checker.registry.succession import (
    OVERDUE_S,
    STEADY_S,
    has_followed,
    moving_note,
    old_key_note,
    overdue,
)
from checker.registry.waiting import waiting_path
from checker.state.beats import beat_file, key_file, note_key, noted_key, remove_dead
from checker.tunnels import key_rotation
from tests.checker.registry.moving_nodes import TO, changed, moving, moving_home
from tests.strategies import OFFICE, node, public_key


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return moving_home(tmp_path)


@pytest.mark.parametrize(
    ("first", "last", "carried", "expected"),
    [
        pytest.param(None, None, 99.0, False, id="never beat"),
        pytest.param(10.0, 10.0, None, False, id="one beat"),
        pytest.param(10.0, 10.0, 10.0 + STEADY_S - 1, False, id="a probe soon after"),
        pytest.param(10.0, 10.0, 10.0 + STEADY_S, True, id="a probe long after"),
        pytest.param(10.0, 20.0, None, True, id="two beats"),
    ],
)
def test_a_device_has_followed_if_it_goes_on_after_its_first_beat(
    first: float | None, last: float | None, carried: float | None, expected: bool
) -> None:
    assert has_followed(first, last, carried) is expected


def test_a_move_takes_no_connections_rights_away(layout: Layout) -> None:
    before = read_registry(layout.nodes).node(OFFICE)

    during = with_rights_since(before, moving(before), 9)
    after = with_rights_since(during, without_old_port(during, TO), 20)

    assert (during.key_since, during.forwards[0].next_port_at) == (0, 9)
    assert revoked(before, during, "2026-01-01") == ()
    assert (after.key_since, after.ports) == (0, (TO, 20011))
    (single,) = (
        without_old_port(with_rights_since(one, moving(one), 9), TO)
        for one in [node(ports=(20010,))]
    )
    assert single.key_since == 9, "its one connection is not older"
    assert without_old_port(after, Port(1)) == after
    assert [text for _, text in describe(before, during)] == [
        "moves to port 20500; it keeps 20010 until its device listens on 20500"
    ]
    stays = with_forward(
        during, during.forwards[0], moved(during.forwards[0], Port(20010), now=False)
    )
    assert [text for _, text in describe(during, stays)] == [
        "stays on port 20010; the move to 20500 is cancelled"
    ]
    assert [text for _, text in describe(during, after)] == ["moved from port 20010 to 20500"]
    assert revoked(
        before,
        with_forward(before, before.forwards[0], moved(before.forwards[0], TO, now=True)),
        "2026-01-01",
    ) == (before.forwards[0],)


def test_a_row_says_what_waits() -> None:
    forward: Forward = moving(node()).forwards[0]

    assert moving_note(node().forwards[0], None) == ""
    assert (
        moving_note(forward, forward.port)
        == moving_note(forward, None)
        == "still on port 20010; moves to 20500"
    )
    assert (
        moving_note(forward, TO) == "on port 20500; it keeps 20010 until its device is sure to stay"
    )
    assert old_key_note(node()) == ""
    assert (
        old_key_note(replace(node(), next_key=public_key(2), next_key_at=1_700_000_000))
        == "old key still valid since 2023-11-14"
    )
    shared = replace(node(), public_key="shared", next_key=public_key(2), next_key_at=1_700_000_000)
    assert old_key_note(shared) == "shared key still valid since 2023-11-14"


def test_a_wait_of_a_month_is_reported_with_the_command_that_ends_it() -> None:
    waiting = with_rights_since(
        None, replace(moving(node()), next_key=public_key(2)), 1_700_000_000
    )

    assert overdue(waiting, 1_700_000_000 + OVERDUE_S) == ()
    assert overdue(waiting, 1_700_000_001 + OVERDUE_S) == (
        ("office: old key still valid since 2023-11-14", "node rekey office --now"),
        (
            "office: still on port 20010; moves to 20500 since 2023-11-14",
            "node move office 20010 20500 --now",
        ),
    )


def test_root_drops_the_old_port_that_the_daemon_noted(layout: Layout) -> None:
    changed(layout, moving(read_registry(layout.nodes).node(OFFICE)))
    key_rotation.notes(layout).parent.mkdir(parents=True, exist_ok=True)
    key_rotation.note(layout, OFFICE, TO)
    (key_rotation.notes(layout) / "office:x").touch()

    troubles = key_rotation.settle(layout)

    assert [trouble.split(": ")[0] for trouble in troubles] == ["office:x"]
    assert read_registry(layout.nodes).node(OFFICE).ports == (TO, 20011)
    assert not waiting_path(node_path(layout, OFFICE)).exists()
    assert "20010" not in layout.authorized_keys.read_text()
    assert gate_command(layout).home


def test_a_connections_key_is_forgotten_when_it_ends(tmp_path: Path) -> None:
    process = read_process(os.getpid())
    assert process is not None
    gone = ProcessId(pid=process.id.pid, start_ticks=process.id.start_ticks + 1)
    (tmp_path / "key.junk").write_text("x")
    key_file(tmp_path, gone).symlink_to(tmp_path / "elsewhere")

    for session in (process.id, gone):
        note_key(tmp_path, session, "SHA256:x")
    beat_file(tmp_path, process.id).touch()

    assert noted_key(tmp_path, process.id) == noted_key(tmp_path, gone) == "SHA256:x"
    assert not (tmp_path / "elsewhere").exists()
    remove_dead(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        beat_file(tmp_path, process.id).name,
        key_file(tmp_path, process.id).name,
    }
    assert noted_key(tmp_path, gone) == ""
    note_key(tmp_path / "nowhere", process.id, "x")


def test_moving_to_the_present_port_cancels_a_move(layout: Layout) -> None:
    during = changed(layout, moving(read_registry(layout.nodes).node(OFFICE)))

    after = changed(
        layout,
        with_forward(during, during.forwards[0], moved(during.forwards[0], Port(20010), now=False)),
    )

    assert after.ports == (20010, 20011)
    assert not waiting_path(node_path(layout, OFFICE)).exists()
