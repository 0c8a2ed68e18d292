"""Writing the key file, and noticing that it is out of date."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import SHARED_KEY, Node, Port, PortRanges, SharedKey
from checker.registry.authorized_keys import (
    gate_command,
    key_sign,
    keys_lag,
    lines_of_shared,
    update_keys,
    write_keys,
)
from checker.registry.changes import add
from checker.registry.kept_rights import shared_ports_of
from checker.registry.key_lines import shared_lines
from checker.registry.lock import locked
from tests.checker.registry.registry_files import COMMAND, node_text, write
from tests.strategies import OFFICE, node, public_key


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


def test_an_edit_by_hand_makes_the_key_file_lag_until_it_is_written(layout: Layout) -> None:
    with locked(layout):
        add(layout, node(), gate_command(layout))
    assert not keys_lag(layout)
    before = key_sign(layout)

    write(layout, "office", node_text(port=20011))
    assert keys_lag(layout)
    update_keys(layout)

    assert not keys_lag(layout)
    assert key_sign(layout) != before
    assert b'permitlisten="localhost:20011"' in layout.authorized_keys.read_bytes()


def test_a_missing_key_file_has_no_sign(layout: Layout) -> None:
    assert key_sign(layout) is None


def test_an_unreadable_key_file_is_an_error(layout: Layout) -> None:
    layout.authorized_keys.mkdir(parents=True)

    with pytest.raises(ConfigError, match="authorized_keys: cannot be read"):
        keys_lag(layout)


@pytest.mark.parametrize(
    ("nodes", "broken", "kept", "permitted"),
    [
        pytest.param((), (), (), (50000, 50001), id="its whole range"),
        pytest.param((node(ports=(50000,)),), (), (), (50001,), id="a node's own port"),
        pytest.param(
            (replace(node(ports=(20010,)), public_key=SHARED_KEY),),
            (),
            (),
            (20010, 50000, 50001),
            id="the port of a node without a key",
        ),
        pytest.param(
            (replace(node(ports=(20010,)), public_key=SHARED_KEY, enabled=False),),
            (),
            (),
            (50000, 50001),
            id="a disabled node",
        ),
        pytest.param((), (50000,), (), (50001,), id="a port in a broken file"),
        pytest.param((), (50000,), (50000,), (50000, 50001), id="a port that it has now"),
    ],
)
def test_the_shared_key_gets_the_ports_that_no_other_key_has(
    nodes: tuple[Node, ...],
    broken: tuple[Port, ...],
    kept: tuple[Port, ...],
    permitted: tuple[Port, ...],
) -> None:
    key = SharedKey(
        enabled=True, public_keys=(public_key(9),), ports=PortRanges((range(50000, 50002),))
    )

    present = "\n".join(shared_lines(key.public_keys, kept, COMMAND)).encode()

    (line,) = lines_of_shared(key, nodes, broken, COMMAND, present)

    assert shared_ports_of(line.encode()) == set(permitted)


def test_the_shared_key_may_bind_on_all_addresses_what_the_registry_says_is_public() -> None:
    ports = PortRanges((range(50000, 50002),))
    key = SharedKey(enabled=True, public_keys=(public_key(9),), ports=ports)
    (forward,) = node(ports=(50000,)).forwards
    public = replace(node(), public_key=SHARED_KEY, forwards=(replace(forward, public=True),))

    (line,) = lines_of_shared(key, (public,), (), COMMAND)

    assert shared_ports_of(line.encode()) == {50000, 50001}
    assert shared_ports_of(line.encode(), "*") == {50000}
    (line,) = lines_of_shared(key, (), (Port(50000),), COMMAND, line.encode())
    assert shared_ports_of(line.encode(), "*") == {50000}


def test_a_disabled_shared_key_has_no_line() -> None:
    key = SharedKey(
        enabled=False, public_keys=(public_key(9),), ports=PortRanges((range(50000, 50002),))
    )

    assert lines_of_shared(key, (), (), COMMAND) == ()
