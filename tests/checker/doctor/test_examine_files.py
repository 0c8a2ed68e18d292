"""The facts that `doctor` collects about files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from checker.config.layout import home_layout
from checker.daemon.startup import prepare_folders
from checker.doctor.examine import examine
from checker.doctor.examine_keys import loose_part
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add
from checker.registry.enrolling import make_enrolment
from checker.registry.enrolments import enrolment_key_path, enrolment_path
from checker.registry.lock import locked
from tests.enrolled import FIELD
from tests.strategies import node


def test_an_interpreter_and_a_gate_that_are_gone_are_found_in_key_lines(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "a home")
    prepare_folders(layout, os.geteuid())
    here = gate_command(layout)
    python, gate = tmp_path / "py thon3", tmp_path / "gate.py"
    python.symlink_to(tmp_path / "python3.11")
    with locked(layout):
        add(layout, node(), replace(here, python=str(python), gate=str(gate)))

    assert examine(layout).keys.programs_gone == (str(gate), str(python))

    gate.touch()
    (tmp_path / "python3.11").touch()
    assert examine(layout).keys.programs_gone == ()


def test_a_directory_that_lets_others_write_the_key_file_is_found(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    (place / "keys").write_text("")
    tmp_path.chmod(0o777)

    found = loose_part(place / "keys", os.geteuid())

    tmp_path.chmod(0o700)
    assert found == tmp_path


def test_directories_above_a_home_do_not_matter(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    prepare_folders(layout, os.geteuid())
    with locked(layout):
        add(layout, node(), gate_command(layout))
    tmp_path.chmod(0o777)
    assert examine(layout).keys.loose is None

    layout.authorized_keys.chmod(0o666)
    layout.host_key.write_text("secret")
    layout.host_key.chmod(0o644)

    seen = examine(layout)
    assert seen.keys.loose == layout.authorized_keys
    assert seen.keys.open_secrets == (layout.host_key,)


def test_an_enrolment_is_examined_as_a_node_is(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    prepare_folders(layout, os.geteuid())
    make_enrolment(layout, FIELD, b"secret", gate_command(layout))
    seen = examine(layout)
    assert seen.registry.node_keys == (("enrolment field", FIELD.public_key),)
    assert (seen.keys.open_secrets, seen.registry.problems, seen.keys.lag) == ((), (), False)

    enrolment_key_path(layout, "field").chmod(0o644)
    enrolment_path(layout, "field").write_text("forwards = 1\n")

    seen = examine(layout)
    assert seen.keys.open_secrets == (enrolment_key_path(layout, "field"),)
    assert len(seen.enrolments.broken) == 1
    assert "forwards must be a list" in seen.enrolments.broken[0]
