from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.picture import picture
from tests.tui.states import SEEN


async def test_the_picture_is_the_same_each_time_and_names_no_place(tmp_path: Path) -> None:
    first = await picture(tmp_path / "one", "down")
    second = await picture(tmp_path / "two", "down")

    assert first == second
    assert str(tmp_path) not in first
    assert "url(http" not in first
    assert [word for word in first.split('"') if word.startswith("http")] == ["http://www.w3.org/2000/svg"]
    for seen in SEEN:
        assert seen.node in first
        assert seen.status.value in first


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        pytest.param((), ("daemon:", "status", "kill"), id="table"),
        pytest.param(("down", "k"), ("Cancel", "4001"), id="question"),
        pytest.param(("question_mark",), ("Help", "Probe"), id="help"),
        pytest.param(("down", "enter"), ("deadline", "203.0.113.7:40022"), id="detail"),
    ],
)
@pytest.mark.parametrize("size", [pytest.param((80, 24), id="80x24"), pytest.param((60, 15), id="60x15")])
async def test_every_screen_can_be_drawn(tmp_path: Path, keys: tuple[str, ...], words: tuple[str, ...], size: tuple[int, int]) -> None:
    svg = await picture(tmp_path, *keys, size=size)

    for word in words:
        assert word in svg


async def test_the_picture_of_the_readme_is_regenerated_and_was_up_to_date(tmp_path: Path) -> None:
    shown = Path(__file__).parents[2] / "docs" / "console.svg"
    before = shown.read_text(encoding="utf-8")

    shown.write_text(await picture(tmp_path / "gateway", "down"), encoding="utf-8")

    assert shown.read_text(encoding="utf-8") == before, "the console looks different now: look at docs/console.svg, and commit it"
