"""`--view`: a named view for scripts and at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from reversi_tui.exit_codes import ExitCode
from tests.reversi_tui.console.states import fresh_home
from tests.reversi_tui.scripted import Captured, once, words


@pytest.fixture
def own(isolated: Path) -> None:
    path = isolated / ".config" / "reversi" / "console.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        '[[view]]\nname = "docks"\nfilter = "barn|dock"\nsort = "-node"\n'
        'columns = ["node", "status"]\ngroup = true\n\n[[view]]\nname = 7\n'
    )


def test_a_shipped_view_has_its_rows_columns_and_order(tmp_path: Path, capsys: Captured) -> None:
    fresh_home(tmp_path)

    code, lines, _ = once(tmp_path, capsys, "--view", "faults")

    assert code is ExitCode.NOT_UP
    names = [words(line)[0] for line in lines]
    assert names[1] == "barn"
    assert "attic" not in names


@pytest.mark.usefixtures("own")
def test_an_own_view_counts_and_what_is_typed_counts_more(tmp_path: Path, capsys: Captured) -> None:
    fresh_home(tmp_path)

    _, lines, _ = once(tmp_path, capsys, "--view", "docks")
    _, others, _ = once(tmp_path, capsys, "--view", "docks", "--sort", "node")

    assert [words(line)[0] for line in lines] == ["node", "dock", "barn"]
    assert [words(line)[0] for line in others] == ["node", "barn", "dock"]
    assert words(lines[0]) == ["node", "status"]


@pytest.mark.usefixtures("own")
def test_a_view_that_does_not_exist_is_a_sentence(tmp_path: Path, capsys: Captured) -> None:
    fresh_home(tmp_path)

    code, lines, errors = once(tmp_path, capsys, "--view", "dokcs")

    assert code is ExitCode.USAGE
    assert not lines
    assert "there is no view 'dokcs'; did you mean 'docks'?" in errors
