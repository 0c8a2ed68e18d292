"""A registry whose node moves a forward."""

from __future__ import annotations

from pathlib import Path

from checker.config.layout import Layout, home_layout
from checker.model import Node, Port
from checker.registry.changes import add, change
from checker.registry.edits import (
    moved,
    with_forward,
)
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from tests.strategies import OFFICE, node

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="")
TO = Port(20500)


def moving(before: Node, to: Port = TO) -> Node:
    """The node with its first forward on the move."""
    return with_forward(before, before.forwards[0], moved(before.forwards[0], to, now=False))


def changed(layout: Layout, after: Node) -> Node:
    with locked(layout):
        change(layout, OFFICE, after, COMMAND)
    return read_registry(layout.nodes).node(after.name)


def moving_home(tmp_path: Path) -> Layout:
    """Make a home with one node of two forwards."""
    made = home_layout(tmp_path / "home")
    with locked(made):
        add(made, node(ports=(20010, 20011)), COMMAND)
    return made
