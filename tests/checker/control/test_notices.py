"""Who is informed about a change to nodes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.control.notices import end_tunnels, known_registry, log_changes, notify
from checker.model import Note
from checker.registry.reading import node_path
from checker.state.store import open_reader
from tests.strategies import OFFICE, PORT


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = home_layout(tmp_path / "home")
    made.nodes.mkdir(parents=True)
    return made


def events(layout: Layout) -> list[tuple[str | None, int | None, str]]:
    with closing(open_reader(layout.state)) as state:
        return [(event.node, event.port, event.text) for event in state.events()]


def test_a_broken_file_is_a_warning_that_names_it(layout: Layout) -> None:
    node_path(layout, OFFICE).write_text("public_key = ")
    notes: list[Note] = []

    registry = known_registry(layout, notes.append)

    assert list(registry.broken) == [OFFICE]
    assert [note.is_warning for note in notes] == [True]
    assert notes[0].text.startswith(f"{node_path(layout, OFFICE)}: ")


def test_each_clause_is_an_event(layout: Layout) -> None:
    notes: list[Note] = []

    notify(layout, OFFICE, [(None, "disabled"), (PORT, "moved")], notes.append)

    assert events(layout) == [(OFFICE, None, "disabled"), (OFFICE, PORT, "moved")]
    assert notes == []


def test_a_log_that_cannot_be_written_is_a_warning(layout: Layout) -> None:
    layout.state.mkdir()
    notes: list[Note] = []

    log_changes(layout, [(OFFICE, None, "disabled")], notes.append)

    assert [note.is_warning for note in notes] == [True]


def test_no_tunnel_to_end_needs_no_gateway(layout: Layout) -> None:
    notes: list[Note] = []

    end_tunnels(layout, [], notes.append)

    assert notes == []
    assert not layout.state.exists()
