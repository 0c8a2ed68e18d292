"""What another account can read, tried in a process of that account."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from checker.linux.as_user import Closed, Ids, first_closed, ids_of

NOBODY = Ids(uid=65534, gid=65534)
PROGRAM = Path("/bin/sh")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that every account can reach, with a file in a directory."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another account")
    with tempfile.TemporaryDirectory(prefix="reversi-") as name:
        made = Path(name)
        made.chmod(0o755)
        (made / "inner").mkdir(mode=0o755)
        (made / "inner/file").write_text("x")
        (made / "inner/file").chmod(0o644)
        yield made


def test_what_everybody_can_read_is_not_closed(folder: Path) -> None:
    paths = (folder, folder / "inner/file", folder / "missing")

    assert first_closed(NOBODY, paths, program=PROGRAM) is None


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        pytest.param("inner/file", 0o600, id="a file"),
        pytest.param("inner", 0o700, id="a directory on the way"),
        pytest.param(".", 0o750, id="a directory further up"),
    ],
)
def test_the_part_that_is_closed_is_named(folder: Path, path: str, mode: int) -> None:
    (folder / path).chmod(mode)

    found = first_closed(NOBODY, (folder / "inner/file",), program=PROGRAM)

    assert found == Closed(path=folder / "inner/file", at=folder / path, mode=mode)


def test_a_link_leads_to_what_is_closed(folder: Path) -> None:
    (folder / "inner").chmod(0o700)
    (folder / "link").symlink_to("inner/file")

    found = first_closed(NOBODY, (folder / "link",), program=PROGRAM)

    assert found == Closed(path=folder / "link", at=folder / "inner")


def test_a_program_that_cannot_be_run_is_closed(folder: Path) -> None:
    program = folder / "inner/file"

    assert first_closed(NOBODY, (), program=program) == Closed(path=program, at=program, mode=0o644)


def test_a_group_of_the_account_counts(folder: Path) -> None:
    os.chown(folder / "inner", 0, 4242)
    (folder / "inner").chmod(0o750)
    member = Ids(uid=65534, gid=65534, groups=(4242,))

    assert first_closed(member, (folder / "inner/file",), program=PROGRAM) is None


def test_an_account_to_be_has_ids_that_nobody_has() -> None:
    assert ids_of("root").uid == 0
    made = ids_of("no-such-account")
    assert made == ids_of("no-such-account-either")
    assert made.uid not in {0, os.geteuid()}
