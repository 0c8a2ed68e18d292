"""How often a node is probed while it beats, in its file and as an admin types it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import InvalidValue
from checker.registry.beating_every import pacing_clauses, parse_pacing
from checker.registry.node_file import node_toml, read_node
from tests.strategies import node

OFFICE = replace(node(), probe_beating_every_s=300.0)


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "office.toml"
    path.write_bytes(content)
    return path


def test_a_nodes_file_keeps_its_number(tmp_path: Path) -> None:
    assert read_node(written(tmp_path, node_toml(OFFICE))).probe_beating_every_s == 300.0


@pytest.mark.parametrize("value", ["4", "3601", "nan", "inf", "true", "'300'", "[]"])
def test_a_wrong_number_is_named_ignored_and_kept(tmp_path: Path, value: str) -> None:
    before = b"probe_beating_every_s = " + value.encode() + b"\n" + node_toml(node())

    found = read_node(written(tmp_path, before))

    assert found.probe_beating_every_s is None
    assert found.unknown_keys == ("probe_beating_every_s must be a number from 5 to 3600",)
    assert before.splitlines()[0] in node_toml(replace(found, enabled=False), before)


def test_it_can_be_set_and_unset(tmp_path: Path) -> None:
    set_one, unset = parse_pacing("300"), parse_pacing("default")

    assert set_one.of(node()) == OFFICE
    assert unset.of(OFFICE) == node()
    assert not parse_pacing(None)
    assert b"probe_beating" not in node_toml(unset.of(OFFICE), node_toml(OFFICE))
    assert list(pacing_clauses(node(), OFFICE)) == ["while it beats, probed every default -> 300 s"]


@pytest.mark.parametrize("text", ["4", "3601", "nan", "soon", ""])
def test_another_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="is out of bounds; write 5 to 3600 seconds, or default"):
        parse_pacing(text)
