"""What the log's reader answers and reports, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import Event, EventKind, NodeName
from checker.rows.row import Moment
from checker.state.errors import StateCorrupt, StateMissing
from checker.state.rows import Batch
from reversi_tui.reader.events import Answer, EventReader, News, Question, write_events
from reversi_tui.rows.event_window import Way
from tests.reversi_tui.console.states import NOW, demo_home, write

MOMENT = Moment(now=NOW, every_s=20.0)


def question(text: str, number: int, way: Way = Way.NEWEST) -> Question:
    return Question(number=number, way=way, text=text, rows=(), moment=MOMENT)


def event(text: str) -> Event:
    return Event(at=NOW, kind=EventKind.CLAIM, text=text, node=NodeName("barn"))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return demo_home(tmp_path)


def texts(found: Answer | News) -> list[str]:
    if isinstance(found, News):
        return [event.text for event, _ in found.lines]
    assert found.page is not None
    return [event.text for event, _ in found.page.lines]


def test_one_more_letter_finds_also_what_came_since(layout: Layout) -> None:
    posted = list[Answer | News]()
    reader = EventReader(layout, posted.append)

    reader.step(question("kill", 1))
    write(layout, Batch(events=(event("killed again"), event("kilt"))))
    reader.step(question("killed", 2))
    write(layout, Batch(events=(event("killed once more"), event("kilt"))))
    reader.step(None)
    reader.step(question("killed again", 3))
    reader.sources.close()

    assert [texts(one) for one in posted] == [
        ["killed sshd 3999"],
        ["killed sshd 3999", "killed again"],
        ["killed once more"],
        ["killed again"],
    ]


def test_a_log_that_cannot_be_read_is_reported_once_and_then_that_it_can(layout: Layout) -> None:
    posted = list[Answer | News]()
    reader = EventReader(layout, posted.append)
    reader.step(question("", 1))
    aside = layout.state.with_name("aside")
    layout.state.rename(aside)

    for _ in range(2):
        with pytest.raises(StateMissing) as missing:
            reader.step(None)
        reader.failed(None, str(missing.value))
    aside.rename(layout.state)
    reader.step(None)
    reader.sources.close()

    assert [one.trouble for one in posted[1:]] == [str(missing.value), ""]


def test_a_file_that_cannot_be_written_whole_is_not_left_behind(
    layout: Layout, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    damaged = tmp_path / "damaged"
    write(layout, Batch(events=tuple(event(f"number {number}") for number in range(3000))))
    content = bytearray(layout.state.read_bytes())
    content[len(content) // 2 :] = b"x" * (len(content) - len(content) // 2)
    damaged.mkdir()
    other = home_layout(damaged)
    other.state.write_bytes(content)

    with pytest.raises(StateCorrupt):
        write_events(other, question("", 1), folder, "x")

    assert list(folder.iterdir()) == []
