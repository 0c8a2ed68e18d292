"""Files that are replaced whole."""

from __future__ import annotations

from pathlib import Path

from checker.config.files import replace_text


def test_a_text_is_replaced_whole(tmp_path: Path) -> None:
    replace_text(tmp_path / "office", "1\n")
    replace_text(tmp_path / "office", "60\n")

    assert (tmp_path / "office").read_text() == "60\n"
    assert [path.name for path in tmp_path.iterdir()] == ["office"]
