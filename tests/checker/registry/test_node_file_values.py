"""The values of a node's file: read back as written, or refused with their name.

Tests checker.registry.node_file; comments and foreign keys are in test_node_file.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import (
    InvalidValue,
    Node,
    NodeName,
)
from checker.registry.node_file import forward_from, node_toml, read_node
from tests.checker.registry.node_strategies import nodes
from tests.checker.registry.registry_files import node_text, write
from tests.strategies import OFFICE


@given(nodes())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_node_is_read_back_from_its_file(layout: Layout, one: Node) -> None:
    path = write(layout, one.name, node_toml(one))

    assert read_node(path) == one


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"forward = [1]")
@example(b"public_key = 5")
@example(b"tags = [0x" + b"f" * 4000 + b"]")
@example(('public_key = "ssh-ed25519 ключ"').encode())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_node_or_a_config_error(layout: Layout, content: bytes) -> None:
    path = write(layout, "office", content)

    try:
        read_node(path)
    except ConfigError as error:
        refused = str(error)
    else:
        return

    assert refused.startswith(f"{path}: ")


def test_a_day_may_be_a_toml_date(layout: Layout) -> None:
    assert (
        read_node(write(layout, "office", "expires = 2031-12-31\n" + node_text())).expires
        == "2031-12-31"
    )


def test_a_forward_must_be_a_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="forward 3: must be a table"):
        forward_from(tmp_path, OFFICE, 3, "x")


def test_an_invalid_target_is_an_error_with_the_forwards_number(
    layout: Layout,
) -> None:
    path = write(layout, "office", node_text().replace("127.0.0.1:22", "127.0.0.1"))

    with pytest.raises(
        ConfigError, match=r"forward 1: target '127.0.0.1' is not HOST:PORT"
    ) as caught:
        read_node(path)

    assert isinstance(caught.value.__cause__, InvalidValue)
    assert NodeName(path.stem) == OFFICE
