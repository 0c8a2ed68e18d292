"""Notes for root about old keys."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.config.toml_file import ConfigError
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add
from checker.registry.enrolling import make_enrolment
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.state.rows import Batch
from checker.state.store import open_store
from checker.tunnels import key_rotation
from tests.enrolled import applicant, enrolment
from tests.strategies import OFFICE, node, public_key


def test_a_key_that_was_used_is_noted_and_settled_without_following_links(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    before = replace(node(), next_key=public_key(2))
    with locked(layout):
        add(layout, before, gate_command(layout))
    key_rotation.note(layout, before.name)
    (key_rotation.notes(layout) / "nobody").touch()
    (key_rotation.notes(layout) / "..x").touch()

    troubles = key_rotation.settle(layout)

    assert [trouble.partition(":")[0] for trouble in troubles] == ["..x", "nobody"]
    assert read_registry(layout.nodes).node(before.name) == node(number=2)
    assert list(key_rotation.notes(layout).iterdir()) == []
    key_rotation.notes(layout).rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "office").touch()
    key_rotation.notes(layout).symlink_to(tmp_path / "elsewhere")
    assert key_rotation.settle(layout) == ()
    assert (tmp_path / "elsewhere" / "office").exists()


def test_a_note_that_cannot_be_left_is_an_error(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "none" / "home")

    with pytest.raises(ConfigError, match="run: sudo reversi-checker init"):
        key_rotation.note(layout, OFFICE)


def test_the_key_file_follows_an_edit_by_hand_once_it_is_noted(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    with locked(layout):
        add(layout, node(), gate_command(layout))
    path = layout.nodes / "office.toml"
    path.write_text(path.read_text().replace(public_key(1), public_key(2)))
    assert public_key(2) not in layout.authorized_keys.read_text()
    key_rotation.note_keys(layout)

    assert key_rotation.settle(layout) == ()

    assert public_key(2) in layout.authorized_keys.read_text()
    assert list(key_rotation.notes(layout).iterdir()) == []


def test_a_broken_file_keeps_its_key_line(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    with locked(layout):
        add(layout, node(), gate_command(layout))
    before = layout.authorized_keys.read_bytes()
    (layout.nodes / "office.toml").write_text("broken")
    key_rotation.note_keys(layout)

    assert key_rotation.settle(layout) == ()

    assert layout.authorized_keys.read_bytes() == before


def test_a_registry_that_lost_every_node_takes_no_key_line_away(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    with locked(layout):
        add(layout, node(), gate_command(layout))
    before = layout.authorized_keys.read_bytes()
    (layout.nodes / "office.toml").unlink()
    key_rotation.note_keys(layout)

    (trouble,) = key_rotation.settle(layout)

    assert "has no node any more, so the key file stays as it is" in trouble
    assert layout.authorized_keys.read_bytes() == before


def test_root_accepts_devices_only_by_the_enrolments_own_file(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    for id_, number, own in (
        ("auto", 900, {"is_auto": True, "uses": 1, "expires": 2**33}),
        ("field", 901, {}),
    ):
        made = enrolment(id=id_, public_key=public_key(number), **own)
        make_enrolment(layout, made, b"secret", gate_command(layout))
    with closing(open_store(layout.state)) as store:
        waiting = [
            applicant(1, enrolment="auto", is_rejected=True),
            applicant(2, enrolment="auto"),
            applicant(3, enrolment="field"),
            applicant(4, enrolment="auto", first_at=2e9),
        ]
        store.write(Batch(applicants=waiting))
    key_rotation.note_enrolment(layout, "auto")
    key_rotation.note_enrolment(layout, "field")
    (key_rotation.notes(layout) / "+..").touch()

    troubles = key_rotation.settle(layout)

    assert [trouble.partition(":")[0] for trouble in troubles] == ["+.."]
    assert set(read_registry(layout.nodes).nodes) == {"device-2"}
    assert list(key_rotation.notes(layout).iterdir()) == []
