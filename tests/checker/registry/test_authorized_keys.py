"""Writing the key file."""

from __future__ import annotations

import sys
from pathlib import Path

from checker.config.layout import Layout
from checker.registry.authorized_keys import gate_command, write_keys
from checker.registry.changes import add
from checker.registry.lock import locked
from tests.checker.registry.registry_files import COMMAND, write
from tests.strategies import OFFICE, node


def test_a_linked_key_file_stays_a_link(layout: Layout, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.write_text("ssh-rsa AAAA admin\n")
    layout.authorized_keys.parent.mkdir(exist_ok=True)
    layout.authorized_keys.symlink_to(shared)

    with locked(layout):
        add(layout, node(), COMMAND)

    assert layout.authorized_keys.readlink() == shared
    assert shared.read_text().startswith("ssh-rsa AAAA admin\n")
    assert shared.read_text().endswith("reversi:office\n")


def test_a_node_whose_file_breaks_keeps_its_key_line(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    lines = layout.authorized_keys.read_bytes()
    write(layout, "office", "broken")

    write_keys(layout, COMMAND)
    assert layout.authorized_keys.read_bytes() == lines

    write_keys(layout, COMMAND, without={OFFICE})
    assert layout.authorized_keys.read_bytes() == b""


def test_an_up_to_date_key_file_is_not_written_again(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    before = layout.authorized_keys.stat().st_ino

    write_keys(layout, COMMAND)

    assert layout.authorized_keys.stat().st_ino == before


def test_the_forced_command_names_this_installation(layout: Layout) -> None:
    command = gate_command(layout)

    assert (command.python, command.home) == (sys.executable, str(layout.home))
    assert Path(command.gate).is_file()
