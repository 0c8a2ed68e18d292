"""The form of a new node: what is right in it, and what each field is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import Port, PortRanges
from checker.registry.changes import add
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry
from reversi_tui.actions.new_node import Asked, Field, checked
from tests.strategies import free_port, node

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A home with the node `office`."""
    made = home_layout(tmp_path / "home")
    with locked(made):
        add(made, node(ports=(free_port(),)), COMMAND)
    return made


def registry(layout: Layout) -> Registry:
    return read_registry(layout.nodes)


def test_a_form_that_is_right_comes_to_a_node(layout: Layout, tmp_path: Path) -> None:
    asked = Asked(name=" shed ", forwards="127.0.0.1:22,banner:SSH-2.0\n\n20001=nas:80,http\n")

    found = checked(asked, registry(layout), PortRanges((range(20000, 20002),)), tmp_path)

    assert found.errors == {}
    assert [(forward.port, str(forward.target)) for forward in found.forwards] == [
        (20000, "127.0.0.1:22"),
        (20001, "nas:80"),
    ]
    assert found.wanted is not None
    assert (found.wanted.name, found.wanted.output, found.output) == (
        "shed",
        tmp_path / "shed.toml",
        tmp_path / "shed.toml",
    )


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        pytest.param(Asked(forwards="x:1"), Field.NAME, "name a node", id="no name"),
        pytest.param(
            Asked(name="Office", forwards="x:1"),
            Field.NAME,
            "'Office' can",
            id="capitals",
        ),
        pytest.param(
            Asked(name="check", forwards="x:1"),
            Field.NAME,
            "a word of the protocol",
            id="a word of the protocol",
        ),
        pytest.param(
            Asked(name="office", forwards="x:1"),
            Field.NAME,
            "node office is registered already",
            id="taken",
        ),
        pytest.param(
            Asked(name="broken", forwards="x:1"),
            Field.NAME,
            "node broken is registered already",
            id="taken by a broken file",
        ),
        pytest.param(Asked(name="shed"), Field.FORWARDS, "a node needs a forward", id="no forward"),
        pytest.param(
            Asked(name="shed", forwards="x:1\nnas"),
            Field.FORWARDS,
            "line 2: target 'nas' is not HOST:PORT",
            id="no target",
        ),
        pytest.param(
            Asked(name="shed", forwards="x:1,banner"),
            Field.FORWARDS,
            "line 1: expect 'banner' is not known",
            id="no expect",
        ),
        pytest.param(
            Asked(name="shed", forwards="0=x:1"),
            Field.FORWARDS,
            "line 1: port '0' is not a port",
            id="no port",
        ),
        pytest.param(
            Asked(name="shed", forwards="20500=x:1"),
            Field.FORWARDS,
            "port 20500 belongs to node barn",
            id="anothers port",
        ),
        pytest.param(
            Asked(name="shed", forwards="7=x:1\n7=x:2"),
            Field.FORWARDS,
            "node shed asks for port 7 twice",
            id="twice",
        ),
        pytest.param(
            Asked(name="shed", forwards="x:1\nx:2\nx:3"),
            Field.FORWARDS,
            "every port of 20000-20001 is",
            id="used up",
        ),
        pytest.param(
            Asked(name="shed", forwards="x:1", output="there/"),
            Field.OUTPUT,
            "is not a file name",
            id="a folder",
        ),
        pytest.param(
            Asked(name="shed", forwards="x:1", output="~nosuchuser/x"),
            Field.OUTPUT,
            "begins with an unknown user",
            id="nobodys home",
        ),
        pytest.param(
            Asked(name="\x1b[31m[red]", forwards="x:1"), Field.NAME, r"\x1b[31m[red]", id="escaped"
        ),
    ],
)
def test_what_is_wrong_stands_at_its_field_alone(
    layout: Layout, tmp_path: Path, asked: Asked, field: Field, says: str
) -> None:
    with locked(layout):
        add(layout, node("barn", 3, (Port(20500),)), COMMAND)
    (layout.nodes / "broken.toml").write_text("x")

    found = checked(asked, registry(layout), PortRanges((range(20000, 20002),)), tmp_path)

    assert list(found.errors) == [field]
    assert says in found.errors[field]
    assert found.errors[field].isprintable()
    assert found.wanted is None


def test_all_that_is_wrong_stands_at_once(layout: Layout, tmp_path: Path) -> None:
    asked = Asked(output="x/", tags="a, B", note="a\x07")

    found = checked(asked, registry(layout), PortRanges((range(1, 2),)), tmp_path)

    assert set(found.errors) == set(Field)
    assert "'B' cannot be a tag" in found.errors[Field.TAGS]
    assert found.wanted is None
