"""What pip noted under the distribution's old name is found, and goes; another program's stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.install.old_metadata import old_metadata
from checker.install.plan import plan
from checker.install.steps import Remove
from tests.checker.install.machines import STOCK, done

OURS = "checker/__init__.py,sha256=x,1\nchecker/gate.py,sha256=x,1\n"


def noted(site: Path, name: str, record: str | None = OURS) -> Path:
    place = site / f"{name}.dist-info"
    place.mkdir()
    if record is not None:
        (place / "RECORD").write_text(record, encoding="utf-8")
    return place


def test_notes_under_the_old_name_are_found_beside_the_new(tmp_path: Path) -> None:
    noted(tmp_path, "reversi_ssh-0.2.0")
    old = noted(tmp_path, "reversi-0.1.0")

    assert old_metadata(tmp_path) == (old,)


def test_the_only_notes_are_kept(tmp_path: Path) -> None:
    noted(tmp_path, "reversi-0.1.0")

    assert old_metadata(tmp_path) == ()


@pytest.mark.parametrize("record", [None, "", "reversi/__init__.py,sha256=x,1\n"])
def test_another_program_of_that_name_is_left_alone(tmp_path: Path, record: str | None) -> None:
    noted(tmp_path, "reversi_ssh-0.2.0")
    noted(tmp_path, "reversi-1.9", record)

    assert old_metadata(tmp_path) == ()


def test_an_editable_install_has_no_files_there(tmp_path: Path) -> None:
    noted(tmp_path, "reversi_ssh-0.2.0", "__editable__.reversi_ssh-0.2.0.pth,sha256=x,1\n")
    noted(tmp_path, "reversi-0.1.0")

    assert old_metadata(tmp_path) == ()


def test_init_removes_them_and_says_why() -> None:
    path = Path("/opt/reversi/lib/python3.11/site-packages/reversi-0.1.0.dist-info")

    planned = plan(replace(done(STOCK), old_metadata=(path,)))

    assert planned.steps == (Remove(path=path),)
    (note,) = planned.notes
    assert str(path) in note
