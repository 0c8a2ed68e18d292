"""The key lines and the settings of the shared key."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.config.layout import home_layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from checker.model import (
    MOST_PORTS,
    SHARED_KEY,
    Node,
    PortRanges,
    SharedKey,
)
from checker.registry.authorized_keys import gate_command, lines_of_shared, write_keys
from checker.registry.differences import Differences
from checker.registry.key_lines import merge, shared_lines
from checker.registry.node_file import node_toml, read_node
from checker.registry.nodes import Registry, conflict
from checker.wire import ANY_NODE
from tests.checker.tunnels.shared_registry import COMMAND, LEGACY, ON, OWNED, REGISTRY
from tests.strategies import (
    node,
    public_key,
)


def permitted(line: str) -> set[int]:
    return {int(port) for port in re.findall(r'permitlisten="localhost:(\d+)"', line)}


def test_its_line_opens_its_range_and_nobody_elses_port() -> None:
    (line,) = lines_of_shared(ON, list(REGISTRY.nodes.values()), REGISTRY.broken_ports, COMMAND)

    assert permitted(line) == ({*ON.ports} - {50001, 50003}) | {61000}
    assert line.startswith("restrict,port-forwarding,permitlisten=")
    assert line.endswith(f" {public_key(9)} reversi:*")


def test_nodes_without_another_key_come_first_if_a_line_is_too_long() -> None:
    wide = replace(ON, ports=PortRanges((range(40000, 40000 + MOST_PORTS),)))

    (line,) = lines_of_shared(wide, [LEGACY], (), COMMAND)

    assert len(permitted(line)) == MOST_PORTS
    assert {50002, 61000} <= permitted(line)


def test_while_it_is_off_it_has_no_line() -> None:
    assert lines_of_shared(SharedKey(public_keys=ON.public_keys), [LEGACY], (), COMMAND) == ()


def test_without_a_port_it_may_forward_nothing() -> None:
    (line,) = shared_lines([public_key(9)], [], COMMAND)

    assert line.startswith("restrict,command=")


def test_its_old_lines_are_replaced() -> None:
    lines = shared_lines([public_key(8), public_key(9)], [50000], COMMAND)

    merged = merge(b"ssh-rsa AAAA admin\n", [OWNED], COMMAND, shared=lines)

    assert merged.count(b" reversi:*\n") == 2
    assert merge(merged, [OWNED], COMMAND, shared=lines) == merged
    assert b"reversi:*" not in merge(merged, [OWNED], COMMAND)


def test_a_node_without_its_own_key_has_no_line_and_conflicts_with_nobody(tmp_path: Path) -> None:
    other = replace(node("other", 3, (50004,)), public_key=SHARED_KEY)

    assert LEGACY.public_keys == ()
    assert merge(b"", [LEGACY], COMMAND) == b""
    assert conflict(other, [LEGACY]) is None
    assert (
        Differences(
            Registry(nodes=MappingProxyType({LEGACY.name: LEGACY})),
            Registry(nodes=MappingProxyType({other.name: other})),
        ).renames()
        == ()
    )
    path = tmp_path / "legacy.toml"
    path.write_bytes(node_toml(LEGACY))
    assert read_node(path) == LEGACY


def test_a_new_key_is_valid_beside_the_shared_one_until_it_is_used() -> None:
    adopted: Node = replace(LEGACY, next_key=public_key(4))

    assert adopted.is_shared
    assert adopted.public_keys == (public_key(4),)
    (line,) = lines_of_shared(ON, [adopted], (), COMMAND)
    assert 61000 in permitted(line)
    (used,) = lines_of_shared(
        ON, [replace(adopted, public_key=public_key(4), next_key=None)], (), COMMAND
    )
    assert not {50002, 61000} & permitted(used)


def test_the_key_file_follows_the_setting(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    layout.nodes.mkdir()
    layout.config.write_text(
        f'[shared_key]\nenabled = true\npublic_key = ["{public_key(8)}", "{public_key(9)}'
        ' comment"]\n'
    )
    write_keys(layout, gate_command(layout))
    assert layout.authorized_keys.read_bytes().count(f"--node '{ANY_NODE}'\"".encode()) == 2

    layout.config.write_text("")
    write_keys(layout, gate_command(layout))

    assert layout.authorized_keys.read_bytes() == b""


def test_by_default_it_opens_the_port_of_the_originals_template(tmp_path: Path) -> None:
    path = tmp_path / "reversi.toml"
    on = f'[shared_key]\nenabled = true\npublic_key = "{public_key(9)}"\n'
    path.write_text(on)

    assert 55555 in load_config(path).shared_key.open_ports

    path.write_text(f'ports = "55000-55999"\n{on}')
    assert 55555 not in load_config(path).shared_key.open_ports


def test_it_is_off_by_default(tmp_path: Path) -> None:
    assert load_config(tmp_path / "reversi.toml").shared_key == SharedKey(
        enabled=False, public_keys=(), ports=PortRanges((range(50000, 51000), range(55555, 55556)))
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("shared_key = true", "must be a table", id="no-table"),
        pytest.param("[shared_key]\nenable = true", "did you mean 'enabled'?", id="unknown-key"),
        pytest.param('[shared_key]\nenabled = "yes"', "true or false", id="no-truth"),
        pytest.param("[shared_key]\nenabled = true", "public_key is missing", id="no-key"),
        pytest.param('[shared_key]\npublic_key = "x"', "must be a public key", id="bad-key"),
        pytest.param("[shared_key]\npublic_key = 7", "must be a public key", id="number"),
        pytest.param('[shared_key]\nports = "50000-59999"', "at most 4000", id="too-many-ports"),
        pytest.param(
            f'[shared_key]\nenabled = true\npublic_key = "{public_key()}"\nports = "29999-30010"',
            "overlap: both have 29999",
            id="ports-of-registered-nodes",
        ),
    ],
)
def test_an_impossible_setting_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "reversi.toml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=says):
        load_config(path)
