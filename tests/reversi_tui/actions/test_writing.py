"""Files that the console writes: new ones only, and only for their owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from reversi_tui.actions.writing import FORMATS, NotWritten, name_for, text_in, write_new
from reversi_tui.rows.palette import DARK
from reversi_tui.rows.written import Shown
from tests.reversi_tui.rows.test_written import shown


def test_a_new_file_is_for_its_owner_and_its_full_path_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    path = write_new("rows.csv", "node\r\n")

    assert path == tmp_path / "rows.csv"
    assert path.read_bytes() == b"node\r\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("is_link", [False, True])
def test_what_exists_is_left_as_it_is(tmp_path: Path, is_link: bool) -> None:
    path, other = tmp_path / "rows.csv", tmp_path / "other"
    if is_link:
        path.symlink_to(other)
    else:
        path.write_text("mine")

    with pytest.raises(NotWritten, match="exists, and is left as it is"):
        write_new(str(path), "new")

    assert not other.exists()
    assert is_link or path.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("a/", "is not a file name", id="directory"),
        pytest.param("a\x1b", "is not a file name", id="control character"),
        pytest.param("nowhere/rows.csv", "cannot be made", id="no directory"),
        pytest.param("~nobody-has-this-name/rows.csv", "cannot be made", id="no user"),
        pytest.param("x" * 300, "cannot be made", id="too long"),
    ],
)
def test_a_name_that_is_of_no_use_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NotWritten, match=words):
        write_new(name, "new")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_has_a_text_and_a_name(kind: str) -> None:
    nothing: Shown = shown()

    assert text_in(kind, nothing, DARK)
    assert name_for(kind, 0.0).endswith(f".{kind}")
