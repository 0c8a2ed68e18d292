"""What several verbs read: the registry, and the forwards that a word names."""

from __future__ import annotations

import json

import pytest

from checker.cli.common import aims_for
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.model import CheckerError
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.state.rows import Sweep
from tests.checker.cli.homes import COMMAND, ERROR, UP, Run, write_state
from tests.strategies import NOW, node


def test_a_broken_node_is_reported_and_the_others_are_read(checker: Run, office: Layout) -> None:
    (office.nodes / "broken.toml").write_text("public_key = ")

    code, out, err = checker("node", "list", "--json")

    assert code == ExitCode.OK
    assert [entry["name"] for entry in json.loads(out)["nodes"]] == ["office"]
    assert err.startswith(
        f"reversi-checker: warning: {office.nodes / 'broken.toml'}: not valid TOML"
    )


@pytest.mark.parametrize(
    "words", [("status",), ("node", "list"), ("node", "show", "office"), ("report",)], ids=" ".join
)
def test_a_missing_registry_is_not_taken_for_an_empty_one(
    checker: Run, office: Layout, words: tuple[str, ...]
) -> None:
    write_state(office, tunnels=[UP], sweep=Sweep(pid=1, swept_at=NOW, every_s=30.0))
    office.nodes.rename(office.nodes.with_name("moved"))

    code, out, err = checker(*words)

    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith(f"{ERROR}{office.nodes}: is gone, though this gateway ran before; ")


def test_a_damaged_state_file_has_its_own_exit_status(checker: Run, office: Layout) -> None:
    office.state.write_bytes(b"damage" * 1000)

    for words in (("status",), ("log",)):
        code, out, err = checker(*words)
        assert (code, out) == (ExitCode.STATE, "")
        assert err.startswith(f"{ERROR}the state file {office.state} is damaged")


def test_a_word_names_a_nodes_forwards_or_one_of_them(office: Layout) -> None:
    with locked(office):
        add(office, node("b", 2, (20011, 20012)), COMMAND)
        add(office, node("20013", 3, (20014,)), COMMAND)
    registry = read_registry(office.nodes)

    def named(word: str) -> list[tuple[str, int]]:
        return [(aim.node, aim.port) for aim in aims_for(registry, word)]

    assert named("b") == [("b", 20011), ("b", 20012)]
    assert named("b:20012") == named("20012") == [("b", 20012)]
    assert named("20013") == [("20013", 20014)], "a node's name comes before a port"
    for word in ("", ":", "b:", ":20012", "b:20010", "²"):
        with pytest.raises(CheckerError):
            named(word)
