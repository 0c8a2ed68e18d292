"""What the screens look like: pictures kept beside this file and in docs, compared byte by byte.

After a change on purpose: REVERSI_PICTURES=write ./run test
tests/reversi_tui/console/test_picture.py, look at them, commit them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.reversi_tui.console.picture import picture
from tests.reversi_tui.console.states import SEEN
from tests.reversi_tui.console.tour import STEPS, Step, tour_text

DOCS = Path(__file__).parents[3] / "docs"
SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZES = [
    pytest.param((80, 24), id="80x24"),
    pytest.param((60, 15), id="60x15"),
    pytest.param((200, 50), id="200x50"),
]


def compare(path: Path, found: str) -> None:
    """The file must hold what was found; asked to, it is written instead."""
    if os.environ.get("REVERSI_PICTURES") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found, encoding="utf-8")
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    assert found == kept, (
        f"the console looks different now: REVERSI_PICTURES=write writes {path.name}; look at it,"
        " and commit it"
    )


async def test_the_picture_is_the_same_each_time_and_names_no_place(tmp_path: Path) -> None:
    first = await picture(tmp_path / "one", "down")
    second = await picture(tmp_path / "two", "down")

    assert first == second
    assert str(tmp_path) not in first
    assert "url(http" not in first
    assert [word for word in first.split('"') if word.startswith("http")] == [
        "http://www.w3.org/2000/svg"
    ]
    for seen in SEEN:
        assert seen.node in first
        assert seen.status.value in first


@pytest.mark.parametrize(
    ("name", "keys", "awaited"),
    [
        pytest.param("table", ("down", "down"), "", id="table"),
        pytest.param(
            "groups", ("g", "end", "up", "right", "down", "space", "l"), "nothing yet", id="groups"
        ),
        pytest.param("question", ("k",), "Cancel", id="question"),
        pytest.param("detail", ("enter",), "barn port 20011", id="detail"),
        pytest.param("help", ("question_mark",), "Help", id="help"),
    ],
)
@pytest.mark.parametrize("size", SIZES)
async def test_each_screen_looks_as_it_did(
    tmp_path: Path, name: str, keys: tuple[str, ...], awaited: str, size: tuple[int, int]
) -> None:
    found = await picture(tmp_path, *keys, size=size, awaited=awaited)

    compare(SNAPSHOTS / f"{name}-{size[0]}x{size[1]}.svg", found)


async def test_no_picture_depends_on_where_we_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    found = await picture(tmp_path, "n", *"shed", awaited="writes")

    assert "here" not in found


async def test_the_picture_of_the_console_page_is_the_console_as_it_is(tmp_path: Path) -> None:
    compare(DOCS / "console.svg", await picture(tmp_path, "down", "down"))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
async def test_the_pictures_of_the_tour_are_the_console_as_it_is(
    tmp_path: Path, step: Step
) -> None:
    compare(
        DOCS / "tour" / f"{step.name}.svg",
        await picture(
            tmp_path, *step.keys, size=step.size, awaited=step.awaited, sweeps=step.sweeps
        ),
    )


def test_the_tour_is_written_from_its_steps() -> None:
    compare(DOCS / "tour.md", tour_text())
